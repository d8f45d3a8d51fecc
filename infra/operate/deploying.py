"""`make plan` and `make deploy`: bundles, Terraform, a look from outside, and what to enter where."""

import os
import sys
from collections.abc import Callable, Mapping
from getpass import getpass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra import bundle, functions_map
from infra.functions_map import Trigger
from infra.operate import client_secrets, entry, smoke, variables
from infra.operate.deployment import Deployment
from infra.operate.google import Google
from infra.operate.smoke import Seen
from infra.operate.terraform import Terraform
from shared.bootstrap import SystemClock
from shared.config import function_url
from shared.domain.errors import ConfigurationError

CLIENT_SECRETS = "google_secret_manager_secret.client"
"""As terraform/secrets.tf names them."""


def look(urls: Mapping[str, str]) -> list[Seen]:
    return smoke.check(urls, SystemClock())


def prove(google: Google, deployment: Deployment) -> list[Seen]:
    return entry.prove(google, deployment, SystemClock())


class Deploying:
    """Of one environment. Its methods return exit codes, and raise ConfigurationError."""

    def __init__(
        self,
        terraform: Terraform,
        console: Console,
        *,
        google: Google | None = None,
        look: Callable[[Mapping[str, str]], list[Seen]] = look,
        prove: Callable[[Google, Deployment], list[Seen]] = prove,
        ask: Callable[[str], str] = getpass,
    ) -> None:
        """The last four are other ones only for tests."""
        self._terraform = terraform
        self._console = console
        self._variables = variables.read(terraform.variables)
        self._google = google or Google(self._variables.project)
        self._look = look
        self._prove = prove
        self._ask = ask

    def plan(self) -> int:
        try:
            self._bundle()
            changes = self._terraform.plan()
        finally:
            self._terraform.forget_plan()
        if changes:
            self._say(f"Nothing was changed. Next: make deploy {self._where}")
        else:
            self._say(f"All is as it should be. Next: make status {self._where}")
        return 0

    def deploy(self) -> int:
        """1 when something deployed does not answer as it must."""
        self._bundle()
        self._fill_secrets()
        self._change()
        deployment = self._terraform.deployment()
        self._say("\nLooking at each function from outside …")
        seen = self._look(self._seen_from_outside(deployment))
        self._say("Having the scheduler and a queue call …")
        seen += self._prove(self._google, deployment)
        self._console.print(_table(seen))
        return self._sum_up(deployment, seen)

    def _seen_from_outside(self, deployment: Deployment) -> dict[str, str]:
        """Where strangers meet each function: behind a load balancer, those for users there alone."""
        base = self._variables.public_url
        if not (base and self._variables.load_balancer):
            return deployment.function_urls
        users = functions_map.load().triggered_by(Trigger.HTTP)
        return {
            name: function_url(base, name) if name in users else url
            for name, url in deployment.function_urls.items()
        }

    def _bundle(self) -> None:
        root = self._terraform.root
        for line in bundle.report(bundle.build(root / "build" / "bundles", root)):
            self._say(line)
        self._terraform.init()

    def _change(self, *targets: str) -> None:
        """Plans, asks, and does what was planned."""
        try:
            if self._terraform.plan(*targets):
                self._approve()
                self._terraform.apply()
        finally:
            self._terraform.forget_plan()

    def _fill_secrets(self) -> None:
        """Google deploys no function whose secret has no value yet."""
        ids = self._variables.client_secrets
        empty = [id for id in ids if not client_secrets.has_value(self._google, id)]
        if not empty:
            return
        self._say(f"No value yet: {', '.join(empty)}. First of all the places for them are made.")
        self._change(CLIENT_SECRETS)
        for id in empty:
            client_secrets.fill(self._google, id, self._asked(id))

    def _asked(self, id: str) -> str:
        value = self._ask(f"{id}, as the provider shows it (it is not echoed): ") if _tty() else ""
        if not value.strip():
            raise ConfigurationError(
                f"The secret {id} needs a value: "
                f"{client_secrets.command(self._variables.project, id)}; then make deploy {self._where}"
            )
        return value.strip()

    def _approve(self) -> None:
        if os.environ.get("APPROVE") == "yes" or os.environ.get("CI") == "true":
            return
        if not _tty():
            raise ConfigurationError(
                "Nobody is here to approve the plan above, so nothing was changed. Once it is right: "
                f"make deploy {self._where} APPROVE=yes"
            )
        environment = self._terraform.environment
        answer = self._console.input(f"\nDo this to {environment}? Only 'yes' does it: ")
        if answer.strip() != "yes":
            raise ConfigurationError("Not approved, so nothing was changed.")

    def _sum_up(self, deployment: Deployment, seen: list[Seen]) -> int:
        wrong = [answer for answer in seen if not answer.ok]
        for answer in wrong:
            self._say(f"{answer.function}: {answer.said}")
        if wrong:
            self._say(f"{len(wrong)} of {len(seen)} looks showed what must not be.")
            self._say(f"Next: make doctor {self._where}; make logs {self._where}")
            return 1
        self._say("Enter this redirect URI, to the letter, where users' consents are registered:")
        self._say(f"  {deployment.redirect_uri}")
        for provider in self._variables.providers:
            if provider.redirects_at:
                self._say(f"  {provider.title}: {provider.redirects_at}")
        self._say(f"Then: make doctor {self._where}")
        return 0

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @property
    def _where(self) -> str:
        return f"ENVIRONMENT={self._terraform.environment}"


def _tty() -> bool:
    return sys.stdin.isatty()


def _table(seen: list[Seen]) -> Table:
    table = Table("function", "URL", "", box=SIMPLE_HEAD)
    for answer in seen:
        table.add_row(
            answer.function, answer.url, escape(answer.said), style="" if answer.ok else "red"
        )
    return table
