"""What the benchmark found, and the limits that it holds against it."""

from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.table import Table


class Claim(Struct, frozen=True, kw_only=True):
    """Something measured. Without a limit it is told and not judged."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def kept(self) -> bool:
        """False when the limit is missed, or the measurement is no number at all."""
        above = self.at_least is None or self.value >= self.at_least
        below = self.at_most is None or self.value <= self.at_most
        return above and below

    @property
    def limit(self) -> str:
        if self.at_most is not None:
            return f"≤ {number(self.at_most)}"
        return f"≥ {number(self.at_least)}" if self.at_least is not None else ""

    @property
    def verdict(self) -> str:
        if not self.limit:
            return ""
        return "[green]ok[/]" if self.kept else "[bold red]MISSED[/]"


def number(value: float) -> str:
    """Three digits that matter, and no more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(title: str, claims: list[Claim]) -> Table:
    shown = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    shown.add_column("", overflow="fold")
    for header in ("measured", "limit"):
        shown.add_column(header, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    shown.add_column("", overflow="fold", style="dim")
    for claim in claims:
        measured = f"{number(claim.value)} {claim.unit}".strip()
        shown.add_row(claim.name, measured, claim.limit, claim.verdict, claim.note)
    return shown
