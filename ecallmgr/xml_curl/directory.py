"""Who a phone is: its password, and what its calls shall carry. Kazoo: ecallmgr_fs_fetch_directory.

A switch asks when a phone registers at it or calls through it (`sip_auth`), when it is itself asked for a password
(`reverse-auth-lookup`), and when something dials `user/…`. The registrar knows; it is asked as a SIP proxy asks it
(kapi's authn_req). What it does not know, and phones that are known by their address, are "not found".
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

from mirliton.actors.kapi.authn import AuthnErr, AuthnReq, AuthnResp
from mirliton.actors.switching import AUTHN
from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.plan import variables
from mirliton.ecallmgr.xml_curl.document import document, element, not_found, params
from mirliton.ecallmgr.xml_curl.request import Lookup
from mirliton.runtime import GenServer

ACTIONS: Final = frozenset({"", "sip_auth", "user_call", "reverse-auth-lookup"})
"""What is asked for a single user. Everything else (lists of gateways, groups, counts of messages) we leave to the
switch's own files."""
_DIALLED: Final = re.compile(r"[A-Za-z0-9_.+*#~-]{1,128}")


async def directory(process: GenServer, lookup: Lookup, timeout: float) -> bytes:
    """The answer. `timeout`: seconds that it may take. Raises CallError when it is not known in time."""
    action = lookup.get("action")
    username = lookup.get("sip_auth_username") or lookup.get("user")
    realm = lookup.get("sip_auth_realm") or lookup.get("domain") or lookup.key_value
    if action not in ACTIONS or lookup.get("purpose") or not username or not realm:
        return not_found()
    answer = await process.call(AUTHN, _question(lookup, username, realm), timeout=timeout)
    if not isinstance(answer, AuthnResp | AuthnErr):
        raise TypeError(f"the registrar answered {type(answer).__qualname__}")
    if isinstance(answer, AuthnErr) or (found := _user(answer, action, username, realm)) is None:
        return not_found()
    # The switch looks for the names by which it asked.
    domain = lookup.key_value if lookup.tag_name == "domain" and lookup.key_value else realm
    return document("directory", element("domain", found, name=domain))


def _question(lookup: Lookup, username: str, realm: str) -> AuthnReq:
    def party(which: str) -> str:
        user, host = lookup.get(f"sip_{which}_user"), lookup.get(f"sip_{which}_host")
        return f"{user or username}@{host or realm}"

    return AuthnReq(
        auth_realm=realm,
        auth_user=username,
        from_=party("from"),
        to=party("to"),
        auth_nonce=lookup.get("sip_auth_nonce") or None,
        call_id=lookup.get("sip_call_id") or None,
        method=lookup.get("sip_auth_method") or None,
        orig_ip=lookup.get("ip") or None,
        orig_port=lookup.get("client_port") or None,
        switch_hostname=lookup.get("FreeSWITCH-Hostname") or None,
        user_agent=lookup.get("sip_user_agent") or None,
    )


def _user(answer: AuthnResp, action: str, username: str, realm: str) -> Element | None:
    secret = {"password": "password", "a1-hash": "a1-hash"}.get(answer.auth_method)
    if secret is None:
        return None
    told = {secret: answer.auth_password}
    if action == "reverse-auth-lookup":
        if secret != "password":  # noqa: S105 - the name of a method
            return None
        told = {"reverse-auth-user": answer.auth_username or username, "reverse-auth-pass": answer.auth_password}
    elif _DIALLED.fullmatch(username) and _DIALLED.fullmatch(realm):
        told["dial-string"] = f"${{sofia_contact(*/{username}@{realm})}}"
    try:
        known = {
            **variables("directory", "custom_channel_vars", "ecallmgr_", answer.custom_channel_vars),
            **variables("directory", "custom_sip_headers", "sip_h_", answer.custom_sip_headers),
        }
    except Untranslatable:
        # What an administrator wrote as a header's name cannot be one: the phone works without.
        known = variables("directory", "custom_channel_vars", "ecallmgr_", answer.custom_channel_vars)
    carried = element("variables", *params(known, "variable"))
    return element("user", element("params", *params(told)), carried, id=username)
