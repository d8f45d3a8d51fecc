"""The mails of the story, at every provider we have."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.demo.accounting import Account
from infra.demo.failure import Failed
from infra.demo.stage import Stage
from shared.providers.registry import PROVIDERS

MANY = 120
"""Mails: Gmail allows 6,000 units a minute, and an imported mail takes up to 50 of them."""


def collect(stage: Stage, mail: Path | None) -> list[Account]:
    """`mail`, or without it what the simulator came with. Raises Failed when there is nothing."""
    stage.screen.step("Mail at the provider")
    accounts = list(_loaded(stage, mail) if mail else _sampled(stage))
    for account in accounts:
        number = f"{len(account.mails):,} mails"
        stage.screen.done(f"{account.address} at {account.provider}: {number}")
    if not any(account.mails for account in accounts):
        raise Failed(_nothing(mail, accounts))
    _lift_quota(stage, accounts)
    return accounts


def _loaded(stage: Stage, mail: Path) -> Iterator[Account]:
    """The accounts of all providers take turns, mail by mail."""
    addresses = {provider: f"demo@{provider}.example" for provider in PROVIDERS}
    for turn, (provider, address) in enumerate(addresses.items()):
        stage.simulated.add_account(address, provider)
        found = stage.simulated.load(address, mail, turn=turn, of=len(PROVIDERS))
        yield Account(
            provider=provider,
            address=address,
            team=frozenset(addresses.values()),
            mails=[mail for mail in found if not mail.problem],
            not_mails=[mail for mail in found if mail.problem],
        )


def _sampled(stage: Stage) -> Iterator[Account]:
    """Each provider's first account; the simulator's other accounts are its colleagues."""
    everybody = stage.simulated.accounts()
    team = frozenset(account.address for account in everybody)
    for provider in PROVIDERS:
        for account in [a for a in everybody if a.provider == provider][:1]:
            mails = stage.simulated.mails(account.address)
            yield Account(provider=provider, address=account.address, mails=mails, team=team)


def _nothing(mail: Path | None, accounts: Sequence[Account]) -> str:
    problems = [f"{mail.name}: {mail.problem}" for a in accounts for mail in a.not_mails]
    said = "; ".join(problems[:3]) or "no .eml, .txt or mbox file"
    return f"There is no mail in {mail} ({said}). Name a file or folder of mails with MAIL=."


def _lift_quota(stage: Stage, accounts: Sequence[Account]) -> None:
    if any(len(account.mails) > MANY for account in accounts):
        stage.simulated.lift_quota()
        stage.screen.say(
            "The simulated providers' quotas are lifted for this demo: with them, so much mail would "
            "take minutes."
        )
