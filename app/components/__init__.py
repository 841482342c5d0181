"""What pages share: the frame around them, icons, controls and panels."""
