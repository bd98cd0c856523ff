from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rongan_share.model import profiles
from rongan_share.model.profiles import (
    KeyKind,
    ProfileError,
    ProfileName,
    load_profile,
    parse_profile,
    profiles_directory,
)


def text_of(name: str) -> str:
    """The file of a profile."""
    return (profiles_directory() / f"{name}.toml").read_text(encoding="utf-8")


def test_every_profile_file_is_known() -> None:
    """The files and the names of profiles are the same set."""
    assert {path.stem for path in profiles_directory().glob("*.toml")} == set(ProfileName)


@pytest.mark.parametrize(
    ("name", "days", "path_length", "extended"),
    [
        ("root", 3650, 1, set()),
        ("client_intermediate", 1825, 0, {"clientAuth"}),
        ("hub_intermediate", 1825, 0, {"serverAuth"}),
        ("hub", 90, None, {"serverAuth"}),
        ("partner", 90, None, {"clientAuth"}),
        ("operator", 90, None, {"clientAuth"}),
    ],
)
def test_policy(name: str, days: int, path_length: int | None, extended: set[str]) -> None:
    """Lifetimes, path lengths and usages are those that were decided."""
    profile = load_profile(name)
    assert profile.lifetime == timedelta(days=days)
    assert profile.basic_constraints.path_length == path_length
    assert profile.usage.extended == extended


def test_only_the_hub_has_hosts_and_no_rsa() -> None:
    """Host names stand in the hub's profile only, and the hub never has an RSA key."""
    assert [name.value for name in ProfileName if load_profile(name).names.hosts] == ["hub"]
    assert KeyKind.RSA not in load_profile("hub").key.accepted
    assert KeyKind.RSA in load_profile("partner").key.accepted


@pytest.mark.parametrize("kind", ["partner", "operator"])
def test_uri_names(kind: str) -> None:
    """The URI name says whether its holder is a partner or an operator."""
    assert load_profile(kind).names.uri == f"spiffe://{{trust_domain}}/{kind}/{{name}}"


@pytest.mark.parametrize("name", ["nobody", "../partner", "", "PARTNER"])
def test_unknown_profile(name: str) -> None:
    """A name that is not one of the profiles reads no file."""
    with pytest.raises(ProfileError, match="no certificate profile"):
        load_profile(name)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("lifetime_days = 90", "lifetime_days = 0", "lifetime_days"),
        ("lifetime_days = 90", "", "lifetime_days"),
        ("lifetime_days = 90", 'lifetime_days = "90"', "lifetime_days"),
        ("hosts = false", "hosts = false\ncopy_from_request = true", "copy_from_request"),
        ('made_here = "P-256"', 'made_here = "RSA"', "made_here"),
        ('"P-384", "RSA"', '"P-521"', "accepted"),
        ('["clientAuth"]', '["codeSigning"]', "extended"),
        ('["digital_signature"]', '["key_cert_sign"]', "key_cert_sign"),
        ("authority = false", "authority = false\npath_length = 0", "path length"),
        ("hosts = false", "hosts = true", "uri or hosts"),
        ('name = "partner"', "name = ", "not a certificate profile"),
    ],
)
def test_malformed_profile(old: str, new: str, complaint: str) -> None:
    """A profile with an unknown, missing or contradicting key is refused and the key is named."""
    text = text_of("partner")
    assert old in text
    with pytest.raises(ProfileError, match=complaint):
        parse_profile(text.replace(old, new))


def test_packaged_profiles_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package reads the profiles it carries; a file that names another is refused."""
    package = tmp_path / "rongan_share" / "ca"
    (package / "profiles").mkdir(parents=True)
    monkeypatch.setattr(profiles, "__file__", str(package / "profiles.py"))
    assert profiles_directory() == package / "profiles"
    (package / "profiles" / "operator.toml").write_text(text_of_tree("partner"), encoding="utf-8")
    with pytest.raises(ProfileError, match="names itself partner"):
        load_profile("operator")
    with pytest.raises(ProfileError, match="no certificate profile"):
        load_profile("hub")


def text_of_tree(name: str) -> str:
    """The file of a profile in the source tree."""
    tree = Path(__file__).resolve().parents[3]
    return (tree / "certs" / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
