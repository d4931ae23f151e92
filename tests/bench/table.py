"""The figures of a run as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

GIGABYTES: Final = 256 / 1024
"""What a function is given, ours by the template, and theirs beside it."""


def drawn(found: dict[str, Any]) -> str:
    """Draw all of it."""
    return "\n".join([*_cases(found), "", *_starts(found), ""])


def _cases(found: dict[str, Any]) -> Iterator[str]:
    yield f"one rotation, measured on {found['run']['date']}; ms are medians (p95), ratios are of pairs"
    for case in found["cases"]:
        yield f"\n{case['engine']}, {case['strategy']} on {case['server']}"
        for latency, times in case["times"].items():
            for part in ("wall", "aws", "database", "own", "processor"):
                sides = [_times(times, whose, part) for whose in ("ours", "peer") if whose in times]
                ratio = f"{times['ratios'][part]:.2f}" if "ratios" in times else ""
                yield _line(f"{part}, {latency} ms a call", sides, ratio)
            ratio = f"{times['ratios']['billed']:.2f}" if "ratios" in times else ""
            billed = [times[whose]["billed"]["median"] for whose in ("ours", "peer") if whose in times]
            yield _line(f"GB-seconds, {latency} ms a call", [f"{it / 1000 * GIGABYTES:.3f}" for it in billed], ratio)
        for name, value in _counts(case):
            yield _line(name, value)


def _line(name: str, sides: list[str], ratio: str = "") -> str:
    cells = "".join(f"{side:>25}" for side in sides)
    return f"    {name:<28}{cells} {ratio:>6}".rstrip()


def _times(times: dict[str, Any], whose: str, part: str) -> str:
    return f"{times[whose][part]['median']:.1f} ({times[whose][part]['p95']:.1f})"


def _counts(case: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    sides = [case[whose] for whose in ("ours", "peer") if whose in case]
    yield "calls of Secrets Manager", [str(sum(one["calls"].values())) for one in sides]
    for name in dict.fromkeys(name for one in sides for name in one["calls"]):
        yield f"  {name}", [str(one["calls"].get(name, 0)) for one in sides]
    for kind in ("accepted", "refused"):
        yield f"logins {kind}", [f"{one['logins'][kind]:g}" for one in sides]
    yield "statements to the driver", [f"{one['statements']:g}" for one in sides]
    yield "bytes to and from the server", [f"{one['bytes']:,}" for one in sides]
    yield "peak memory, MB", [f"{one['peak']:.1f}" for one in sides]
    for cache in sides[0]["clients"]:
        seen = [one["clients"][cache] for one in sides]
        yield f"rejected, cache {cache}", [f"{it['rejected']} of {it['logins']}, {it['window']:.0f} ms" for it in seen]


def _starts(found: dict[str, Any]) -> Iterator[str]:
    for function, one in found["starts"].items():
        sides = [f"{one[whose]:.0f}" for whose in ("ours", "peer") if whose in one]
        yield _line(f"{function}: cold start, ms", sides, f"{one['ratio']:.3f}" if "ratio" in one else "")
        sizes = one["bytes"]
        yield _line("  function and layer, MB", [f"{sizes['function'] / 1e6:.1f} + {sizes['layer'] / 1e6:.1f}"])
