"""Matrix products of compiled steps: a tile of the product at a time, held in the processor's vector registers.

A library's products cost more than they should here: the matrices are small (a state of a hundred rows times the weights of one cell), are
multiplied hundreds of times in an outer step, and a library chooses its code for large ones. A tile has `ROWS` rows and two vectors of columns: enough sums at a time to
hide how long each takes, few enough for the registers. LLVM turns the vectors into those of the processor it compiles for.
"""

import functools
import platform
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from core.outer.kernels.elementary import kernel


def _features() -> dict[str, bool]:
    """What the processor can; empty where LLVM does not know."""
    try:
        return dict(llvmlite.binding.get_host_cpu_features())
    except RuntimeError:
        return {}


FEATURES = _features()
VECTOR_BYTES = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx2") else 16
REGISTERS = 32 if VECTOR_BYTES == 64 or platform.machine() in ("arm64", "aarch64") else 16
ROWS = REGISTERS // 4  # with two vectors each, sums fill half of them
VECTORS = 2
AT_A_TIME = 256  # rows that are used while they lie in the cache, and terms of one sum that is added


def _tile(rows: int, whole: bool, adds: bool) -> Callable[..., None]:
    """Compiled code for one tile of out = start + a b + …, or of out += a b + … in out's own precision.

    Args:
        rows: of the tile.
        whole: whether out has all of its columns; otherwise those that it lacks are left out.
        adds: whether to add to out.
    """

    @intrinsic
    def tile(typing: Any, start: Any, factors: Any, out: Any, row: Any, column: Any) -> Any:
        if "F" in [array.layout for array in (*factors.types[1::2], out)]:
            raise TypingError("b and out must have contiguous rows")

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            dtype = factors[0].dtype
            lanes = VECTOR_BYTES // _bytes(dtype)
            vector = ir.VectorType(context.get_value_type(dtype), lanes)
            kept = ir.VectorType(context.get_value_type(out.dtype), lanes)
            given_start, given_factors, given_out, first_row, first_column = arguments
            index = first_row.type
            of_out = context.make_array(out)(context, builder, given_out)
            columns = [builder.add(first_column, ir.Constant(index, v * lanes)) for v in range(VECTORS)]
            masks = None
            if not whole:
                width = cgutils.unpack_tuple(builder, of_out.shape)[1]
                masks = [_mask(builder, builder.sub(width, first), lanes) for first in columns]
            rows_of = [builder.add(first_row, ir.Constant(index, r)) for r in range(rows)]

            first = [ir.Constant(vector, None)] * VECTORS
            if not isinstance(start, numba.types.NoneType):
                of_start = context.make_array(start)(context, builder, given_start)
                places = [_place(builder, of_start, at) for at in columns]
                first = [_load(builder, vector, place, masks and masks[v]) for v, place in enumerate(places)]
            sums = [[cgutils.alloca_once_value(builder, first[v]) for v in range(VECTORS)] for _ in range(rows)]
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(factors, cgutils.unpack_tuple(builder, given_factors), strict=True)
            ]
            for a, b in zip(arrays[::2], arrays[1::2], strict=True):
                with cgutils.for_range(builder, cgutils.unpack_tuple(builder, a.shape)[1]) as loop:
                    places = [_place(builder, b, loop.index, at) for at in columns]
                    right = [_load(builder, vector, place, masks and masks[v]) for v, place in enumerate(places)]
                    for r in range(rows):
                        at = builder.bitcast(_place(builder, a, rows_of[r], loop.index), vector.element.as_pointer())
                        left = _spread(builder, builder.load(at), lanes)
                        for v in range(VECTORS):
                            product = builder.fmul(left, right[v], flags=["contract"])
                            total = builder.fadd(builder.load(sums[r][v]), product, flags=["contract"])
                            builder.store(total, sums[r][v])
            for r in range(rows):
                for v in range(VECTORS):
                    place, value = _place(builder, of_out, rows_of[r], columns[v]), builder.load(sums[r][v])
                    if kept != vector:
                        value = builder.fpext(value, kept)
                    if adds:
                        value = builder.fadd(_load(builder, kept, place, masks and masks[v]), value)
                    _store(builder, kept, place, masks and masks[v], value)
            return context.get_dummy_value()

        return numba.void(start, factors, out, numba.intp, numba.intp), build

    return tile


def _bytes(dtype: Any) -> int:
    return int(dtype.bitwidth) // 8


def _place(builder: Any, array: Any, *indices: Any) -> Any:
    """Where an entry of an array lies, as a pointer to bytes."""
    strides = cgutils.unpack_tuple(builder, array.strides)
    steps = [builder.mul(i, stride) for i, stride in zip(indices, strides, strict=True)]
    return builder.gep(builder.bitcast(array.data, ir.IntType(8).as_pointer()), [functools.reduce(builder.add, steps)])


def _mask(builder: Any, left: Any, lanes: int) -> Any:
    """Of the columns of a vector those that there are, when so many are left."""
    numbers = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, _spread(builder, builder.trunc(left, ir.IntType(32)), lanes))


def _load(builder: Any, vector: Any, place: Any, mask: Any) -> Any:
    """A vector; zeros where the mask has none."""
    at, align, name = _moved(builder, vector, place)
    if mask is None:
        return builder.load(at, align=align.constant)
    kind = ir.FunctionType(vector, [at.type, align.type, mask.type, vector])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.{name}")
    return builder.call(function, [at, align, mask, ir.Constant(vector, None)])


def _store(builder: Any, vector: Any, place: Any, mask: Any, value: Any) -> None:
    """Store a vector where the mask has ones."""
    at, align, name = _moved(builder, vector, place)
    if mask is None:
        builder.store(value, at, align=align.constant)
        return
    kind = ir.FunctionType(ir.VoidType(), [vector, at.type, align.type, mask.type])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.{name}")
    builder.call(function, [value, at, align, mask])


def _moved(builder: Any, vector: Any, place: Any) -> tuple[Any, Any, str]:
    """A pointer to a vector, the alignment of its entries, and how LLVM's masked operations call its type."""
    size = 8 if isinstance(vector.element, ir.DoubleType) else 4
    at = builder.bitcast(place, vector.as_pointer())
    return at, ir.Constant(ir.IntType(32), size), f"v{vector.count}f{8 * size}.p0"


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    """A vector with the same value everywhere."""
    kind = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _over_tiles(adds: bool) -> Callable[..., None]:
    """Compiled code for all tiles."""
    whole, row_of_whole = _tile(ROWS, True, adds), _tile(1, True, adds)
    edge, row_of_edge = _tile(ROWS, False, adds), _tile(1, False, adds)

    def over_tiles(start, factors, out):  # type: ignore[no-untyped-def]
        n, m = out.shape
        width = VECTORS * (VECTOR_BYTES // factors[0].itemsize)
        for first in range(0, n, AT_A_TIME):
            end = min(first + AT_A_TIME, n)
            tiled = end - (end - first) % ROWS
            for column in range(0, m, width):
                if column + width <= m:
                    for row in range(first, tiled, ROWS):
                        whole(start, factors, out, row, column)
                    for row in range(tiled, end):
                        row_of_whole(start, factors, out, row, column)
                else:
                    for row in range(first, tiled, ROWS):
                        edge(start, factors, out, row, column)
                    for row in range(tiled, end):
                        row_of_edge(start, factors, out, row, column)

    return over_tiles


_set, _add = numba.njit(_over_tiles(False)), numba.njit(_over_tiles(True))


@kernel
def product(a, b, out):  # type: ignore[no-untyped-def]
    """out = a b; a [n, k] in any order (a transpose, too), b [k, m] with contiguous rows like out [n, m], all of one precision."""
    _set(None, (a, b), out)


@kernel
def add_product(a, b, out):  # type: ignore[no-untyped-def]
    """out += a b, as `product`; out may be of double precision where a and b are not, so that long sums do not lose digits."""
    inner = a.shape[1]
    for first in range(0, inner, AT_A_TIME):
        end = min(first + AT_A_TIME, inner)
        _add(None, (a[:, first:end], b[first:end]), out)


@kernel
def affine(bias, factors, out):  # type: ignore[no-untyped-def]
    """out = bias + a b + …, for factors (a, b, …) as in `product` and bias [m] in every row."""
    _set(bias, factors, out)
