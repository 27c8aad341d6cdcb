"""The pages' scripts share one scope: a name that two of them declare would replace a function of the other."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

DECLARED = re.compile(r"^(?:async )?(?:function|const|let) (\w+)", re.MULTILINE)


def test_a_name_is_declared_by_one_script() -> None:
    scripts = [entry for entry in (files("livedash_core.web") / "static").iterdir() if entry.name.endswith(".js")]
    declared = Counter(name for script in scripts for name in DECLARED.findall(script.read_text()))

    assert len(declared) > 30
    assert [name for name, times in declared.items() if times > 1] == []
