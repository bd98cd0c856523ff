"""The authority: what each certificate may contain, and the making of certificates.

Never imported by a worker: what serves partners cannot reach a key that signs.
"""

from __future__ import annotations

from rongan_share.ca.hierarchy import CredentialFiles, Hierarchy, IssuerFiles, create_hierarchy
from rongan_share.ca.issue import (
    Issuer,
    encode_chain,
    issue_intermediate,
    issue_leaf,
    issue_root,
)
from rongan_share.ca.keys import generate_private_key, load_private_key, write_private_key
from rongan_share.ca.lint import lint_certificate
from rongan_share.model.holders import Holder
from rongan_share.model.profiles import Profile, ProfileError, ProfileName, load_profile
from rongan_share.model.refusals import IssueRefusedError, Rule
from rongan_share.model.requests import CheckedRequest, check_request

__all__ = [
    "CheckedRequest",
    "CredentialFiles",
    "Hierarchy",
    "Holder",
    "IssueRefusedError",
    "Issuer",
    "IssuerFiles",
    "Profile",
    "ProfileError",
    "ProfileName",
    "Rule",
    "check_request",
    "create_hierarchy",
    "encode_chain",
    "generate_private_key",
    "issue_intermediate",
    "issue_leaf",
    "issue_root",
    "lint_certificate",
    "load_private_key",
    "load_profile",
    "write_private_key",
]
