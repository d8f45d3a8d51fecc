"""Is a Google Cloud project ready for an environment's deployment, and is what runs there complete?"""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from infra import functions_map, sizes
from infra.functions_map import ROOT, Function
from infra.operate import client_secrets, consents, hcl, quotas
from infra.operate.findings import Check, Finding, by_hand, mend, ok, unknown
from infra.operate.google import SIGN_IN, Google, Refused, SignedOut
from infra.operate.terraform import INSTALL, Terraform
from infra.operate.variables import Variables
from infra.sizes import Size
from shared import bootstrap
from shared.config import Settings, declared
from shared.ports.declarations import Declaration
from shared.providers.registry import declarations

TIMEOUT = 20.0
_OPTIONAL = frozenset({"ALLOWED_ORIGINS", "FUNCTIONS_URL", "EMBEDDED_DATA"})
"""Without a default, and still not needed by everybody."""


class Project:
    def __init__(
        self, variables: Variables, google: Google, terraform: Terraform, settings: Settings
    ) -> None:
        """`settings` say where the providers are."""
        self._variables = variables
        self._google = google
        self._terraform = terraform
        self._settings = settings

    def checks(self) -> list[Check]:
        secrets = self._variables.client_secrets
        found = [
            Check("Terraform", self.terraform),
            Check("variables", self.variables),
            Check("account", self.account),
            Check("project", self.project),
            Check("APIs", self.apis),
            Check("quota", self.quota),
            Check("users' keys", self.keys),
            *(Check("client secret", partial(self.secret, id)) for id in secrets),
            Check("functions", self.functions),
        ]
        for provider in self._variables.providers:
            found += consents.checks(
                provider,
                self._variables.mail_providers[provider.name],
                self._variables.redirect_uri,
                self._settings,
            )
        return found

    def terraform(self) -> Finding:
        here = self._terraform.version()
        (block,) = hcl.read(self._terraform.folder / "versions.tf")["terraform"]
        wanted = block["required_version"]
        try:
            fits = here in SpecifierSet(wanted)
        except InvalidSpecifier:
            return unknown(f"{here} is here.", f"Compare it with versions.tf: {wanted}")
        if fits:
            return ok(f"{here}, {wanted} is asked for")
        return mend(f"Terraform {here} is here, {wanted} is needed.", f"Install it: {INSTALL}")

    def variables(self) -> Finding:
        name = self._terraform.variables.name
        if missing := self._variables.missing:
            return mend(
                f"{name} does not set {', '.join(missing)}.",
                "terraform/variables.tf says what each is",
            )
        return ok(f"{name} sets all that is needed")

    def account(self) -> Finding:
        try:
            return ok(self._google.account())
        except SignedOut as error:
            return mend(error.detail, "")

    def project(self) -> Finding:
        name = self._variables.project
        try:
            found = self._google.get("cloudresourcemanager", f"v3/projects/{name}")
        except Refused as error:
            return mend(
                f"You cannot see the project {name}: {error.detail}",
                f"Ask for a role there, or sign in as somebody else: {SIGN_IN}",
            )
        if found.get("state") != "ACTIVE":
            return mend(f"The project {name} is {found.get('state')}.", "Name another one")
        return ok(f"{name} ({found.get('displayName', '')})")

    def apis(self) -> Finding:
        parent = f"projects/{self._variables.project}"
        wanted = services(ROOT, self._variables.providers)
        names = [f"{parent}/services/{api}" for api in wanted]
        found = self._google.get("serviceusage", f"v1/{parent}/services:batchGet", names=names)
        enabled = {
            service["name"].rpartition("/")[2]: service["state"] for service in found["services"]
        }
        if off := [api for api in wanted if enabled.get(api) != "ENABLED"]:
            return by_hand(
                f"Not enabled: {', '.join(off)}.",
                f"`make deploy` does it, or: gcloud services enable {' '.join(off)} "
                f"--project {self._variables.project}",
            )
        return ok(f"{len(wanted)} are enabled")

    def quota(self) -> Finding:
        """Google refuses to deploy what could take more than the region's."""
        variables = self._variables
        total = sizes.total(functions_map.load(), variables.overrides)
        has = quotas.of_region(self._google, variables.region)
        to_do = f"Ask for more, or lower `instances` and `concurrent`: {quotas.CONSOLE}"
        if has is None:
            return unknown(f"Google does not tell the quota; {_size(total)} are asked for.", to_do)
        if total.vcpu > has.vcpu or total.gib > has.gib:
            return mend(
                f"{_size(total)} are more than {variables.region} has: {_size(has)}.", to_do
            )
        return ok(f"{_size(total)} of {_size(has)} in {variables.region}")

    def keys(self) -> Finding:
        """Of the issuer of users' tokens."""
        url = self._variables.auth.jwks_url
        to_do = "auth.jwks_url must be the `jwks_uri` of your issuer's /.well-known/openid-configuration"
        try:
            answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
            count = len(answer.json()["keys"]) if answer.status_code == 200 else 0
        except requests.ConnectionError as error:
            return unknown(f"{url} cannot be reached from here: {type(error).__name__}.", to_do)
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            return mend(f"{url} answers with no keys: {error}.", to_do)
        if not count:
            return mend(f"{url} answered {answer.status_code}, without keys.", to_do)
        return ok(f"{count} at {url}")

    def secret(self, id: str) -> Finding:
        found = client_secrets.has_value(self._google, id)
        if found is None:
            return by_hand(
                f"There is no secret {id} yet.", "`make deploy` makes it and asks for it"
            )
        if not found:
            return mend(f"{id} has no value.", client_secrets.command(self._google.project, id))
        return ok(f"{id} has a value")

    def functions(self) -> Finding:
        """Each is there, active, and has every setting that it cannot do without."""
        variables = self._variables
        location = f"projects/{variables.project}/locations/{variables.region}"
        found = self._google.get("cloudfunctions", f"v2/{location}/functions", pageSize=100)
        ours = {self._deployed_name(name): name for name in functions_map.load().functions}
        named = {
            function["name"].rpartition("/")[2]: function for function in found.get("functions", [])
        }
        there = {ours[name]: one for name, one in named.items() if name in ours}
        to_do = f"make deploy ENVIRONMENT={self._terraform.environment}"
        if not there:
            return by_hand("Nothing is deployed yet.", to_do)
        wrong = [
            f"{name} {problem}"
            for name, function in functions_map.load().functions.items()
            if (problem := _problem(function, there.get(name), variables))
        ]
        if not wrong:
            return ok("all are there, with their settings")
        return mend(f"{'; '.join(wrong)}.", to_do)

    def _deployed_name(self, function: str) -> str:
        return self._variables.function_url(function).rpartition("/")[2]


def _size(one: Size) -> str:
    return f"{one.vcpu:.1f} vCPU and {one.gib:.1f} GiB"


def services(root: Path, providers: Iterable[Declaration]) -> list[str]:
    """The APIs that terraform/services.tf enables: our own, and those of each connected provider."""
    (local_values,) = hcl.read(root / "terraform" / "services.tf")["locals"]
    names = [
        *local_values["own_services"],
        *(api for provider in providers for api in provider.apis),
    ]
    return [f"{name}.googleapis.com" for name in names]


def needed(function: Function, variables: Variables) -> set[str]:
    """The settings without which it fails."""
    known = bootstrap.every_setting()
    for name, provider in declarations().items():
        if name not in variables.mail_providers:
            known = {
                name: one for name, one in known.items() if name not in declared(provider.settings)
            }
    empty = {name for name in function.grants() if name in known and not known[name].default}
    return {name for name in empty - _OPTIONAL if not name.endswith("_EMULATOR_HOST")}


def _problem(function: Function, deployed: Mapping[str, Any] | None, variables: Variables) -> str:
    if deployed is None:
        return "is not deployed"
    if deployed.get("state") != "ACTIVE":
        return f"is {deployed.get('state', 'in an unknown state').lower()}"
    config = deployed.get("serviceConfig", {})
    has = {*config.get("environmentVariables", {})} | {
        secret["key"] for secret in config.get("secretEnvironmentVariables", [])
    }
    missing = sorted(needed(function, variables) - has)
    return f"lacks {', '.join(missing)}" if missing else ""
