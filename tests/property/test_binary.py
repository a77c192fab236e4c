"""Whole columns and rows of texts are the bytes that they would be value by value."""

from hypothesis import given
from hypothesis import strategies as st

from stream.sink import conversions
from stream.sink.binary import blob, blob_column, text, text_column

_TEXTS = st.one_of(
    st.text(max_size=8), st.text("abc", max_size=8), st.integers(120, 140).map(lambda n: "x" * n), st.just("导购" * 80)
)
_BLOBS = st.one_of(st.binary(max_size=8), st.sampled_from((127, 128, 2047, 2048, 70_000)).map(bytes))


@given(st.lists(_TEXTS, max_size=6))
def test_a_column_of_texts_is_its_values_behind_each_other(values: list[str]) -> None:
    assert text_column(values) == b"".join(map(text, values))


@given(st.lists(_BLOBS, max_size=6))
def test_a_column_of_bytes_is_its_values_behind_each_other(values: list[bytes]) -> None:
    assert blob_column(values) == b"".join(map(blob, values))


@given(st.tuples(*[_TEXTS] * 7))
def test_the_ids_of_a_conversion_are_its_values_behind_each_other(values: tuple[str, ...]) -> None:
    assert conversions._ids(*values) == b"".join(map(text, values))
