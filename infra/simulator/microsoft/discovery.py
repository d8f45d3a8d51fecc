"""The documents by which clients find endpoints and keys.

They name Microsoft's own host, as msal wants: a client reaches us by rewriting it.
"""

from collections.abc import Callable
from typing import Any

from infra.simulator.http import Request, Response, Route, json_response
from infra.simulator.microsoft import aadsts
from infra.simulator.microsoft.directory import SHARED, Directory, tenant_id
from infra.simulator.microsoft.identity import HOST, Identity

_HOSTS = (
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
)


class Discovery:
    def __init__(self, directory: Directory, identity: Identity) -> None:
        self._directory = directory
        self._identity = identity

    def routes(self) -> list[Route]:
        document = "v2.0/.well-known/openid-configuration"
        return [
            _route(f"/{{tenant}}/{document}", "login.configuration", self._configuration),
            # msal's default authority ends with a slash of its own.
            _route(f"/{{tenant}}//{document}", "login.configuration", self._configuration),
            _route("/{tenant}/discovery/v2.0/keys", "login.keys", self._keys),
            _route("/{tenant}/discovery/instance", "login.instance", self._instance),
        ]

    def _configuration(self, request: Request) -> Response:
        segment = request.args["tenant"]
        if not self._directory.exists(segment):
            raise aadsts.refuse("90002", f"Tenant '{segment}'.")
        shared = segment in SHARED
        issuer = "{tenantid}" if shared else tenant_id(segment)
        base = f"{HOST}/{segment if shared else tenant_id(segment)}"
        return json_response(_endpoints(base) | {"issuer": f"{HOST}/{issuer}/v2.0"})

    def _keys(self, _: Request) -> Response:
        return json_response(self._identity.jwks(), Cache_Control="public, max-age=86400")

    def _instance(self, request: Request) -> Response:
        asked = request.param("authorization_endpoint")
        tenant = asked.removeprefix("https://").partition("/")[2].partition("/")[0] or "common"
        return json_response(
            {
                "tenant_discovery_endpoint": f"{HOST}/{tenant}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {
                        "preferred_network": _HOSTS[0],
                        "preferred_cache": _HOSTS[1],
                        "aliases": _HOSTS,
                    }
                ],
            }
        )


def _route(path: str, name: str, handle: Callable[[Request], Response]) -> Route:
    return Route("GET", path, name, handle, failure=aadsts.failure)


def _endpoints(base: str) -> dict[str, Any]:
    return {
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_modes_supported": ["query", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "tid", "oid", "name"],
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }
