"""Distillation: how much of a learned optimizer's advantage a formula of known mechanisms keeps."""
