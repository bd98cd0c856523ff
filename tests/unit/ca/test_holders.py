from __future__ import annotations

import pytest

from rongan_share.ca import Holder, IssueRefusedError, Rule, load_profile
from rongan_share.model.holders import alternative_names, uri_matches


@pytest.mark.parametrize(
    "domain",
    ["", "Bank.test", "bank_test", "bank..test", ".test", "a/b", "银行", "a" * 65, "a.t\n"],
)
def test_bad_trust_domains(domain: str) -> None:
    """A trust domain is lower case, plain and at most 64 characters long."""
    with pytest.raises(IssueRefusedError) as refusal:
        Holder(domain)
    assert refusal.value.rule is Rule.TRUST_DOMAIN


@pytest.mark.parametrize(
    "name", ["../a", "a b", "a%2eb", "-a", "a-", "A", "bank.a", "银行", "a" * 65, "a\n", "a/"]
)
def test_bad_names(name: str) -> None:
    """A name has the form of a partner id, so it is safe in a URI and as a folder."""
    with pytest.raises(IssueRefusedError) as refusal:
        Holder("bank.test", name)
    assert refusal.value.rule is Rule.HOLDER_NAME


@pytest.mark.parametrize("name", ["a", "7", "bank-a", "a" * 64])
def test_good_names(name: str) -> None:
    """Every partner id of the wire is a name."""
    assert Holder("bank.test", name).name == name


@pytest.mark.parametrize(
    "host",
    ["", "*.bank.test", "Hub.test", "999.1.1.1", "1.2.3", "a_b.test", "hub.test.", "-a", "a" * 64],
)
def test_bad_hosts(host: str) -> None:
    """A host is a plain DNS name or a whole IP address."""
    with pytest.raises(IssueRefusedError) as refusal:
        Holder("bank.test", hosts=(host,))
    assert refusal.value.rule is Rule.HOST_NAME


def test_good_hosts() -> None:
    """DNS names and addresses of both families go into the certificate in order."""
    holder = Holder("bank.test", hosts=("localhost", "hub-1.bank.test", "127.0.0.1", "::1"))
    names = alternative_names(holder, load_profile("hub"))
    assert [str(name.value) for name in names] == list(holder.hosts)


@pytest.mark.parametrize(
    ("holder", "profile"),
    [
        (Holder("bank.test"), "partner"),
        (Holder("bank.test", "bank-a", ("localhost",)), "partner"),
        (Holder("bank.test"), "hub"),
        (Holder("bank.test", "bank-a", ("localhost",)), "hub"),
        (Holder("bank.test", "bank-a"), "root"),
    ],
)
def test_names_that_do_not_fit_the_profile(holder: Holder, profile: str) -> None:
    """A certificate has the names of its profile, none missing and none more."""
    with pytest.raises(IssueRefusedError) as refusal:
        alternative_names(holder, load_profile(profile))
    assert refusal.value.rule is Rule.PROFILE_NAMES


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("spiffe://bank.test/partner/bank-a", True),
        ("spiffe://bank.test/operator/bank-a", False),
        ("spiffe://bank.test/partner/bank-a/", False),
        ("spiffe://bank.test/partner/bank%2ea", False),
        ("spiffe://Bank.test/partner/bank-a", False),
        ("spiffe:///partner/bank-a", False),
        ("https://bank.test/partner/bank-a", False),
        ("spiffe://bank.test/partner/", False),
    ],
)
def test_uri_patterns(uri: str, expected: bool) -> None:
    """The linter takes a URI only in the one spelling that the authority writes."""
    assert uri_matches(uri, load_profile("partner").names.uri or "") is expected
