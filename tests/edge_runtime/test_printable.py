"""Foreign text on one line: what steers terminals is spelt out, and words stay readable."""

from __future__ import annotations

import pytest

from edge_runtime.printable import blank_unprintable, make_printable


@pytest.mark.parametrize(
    ("text", "printable", "blanked"),
    [
        ("mug.jpg", "mug.jpg", "mug.jpg"),
        ("请重拍\u3000谢谢", "请重拍 谢谢", "请重拍 谢谢"),
        ("floue\u00a0: refaire", "floue : refaire", "floue : refaire"),
        ("shot 3.04\u202fPM.png", "shot 3.04 PM.png", "shot 3.04 PM.png"),
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m", "a?b?[31m"),
        ("gpj.\u202etxt\u3000a", "gpj.\\u202etxt a", "gpj.?txt a"),
        ("caf\udce9", "caf\\udce9", "caf?"),
        ("one\u2028two", "one\\u2028two", "one?two"),
    ],
)
def test_spaces_become_plain_and_what_steers_is_spelt_out(text: str, printable: str, blanked: str) -> None:
    assert (make_printable(text), blank_unprintable(text)) == (printable, blanked)
