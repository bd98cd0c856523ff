"""What a file of partners asks of a hub: compared whole with what is there, then done row by row.

Every act is an RPC of its own, with its own entry; what is there and equal is left alone, so the
same file can be given again after whatever broke off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from partner_sdk.cli.failures import RefusedHereError
from partner_sdk.cli.progress import progress
from partner_sdk.errors import HubRefusalError, UnavailableError
from partner_sdk.sources.rows import RowProblem, RowsRefusedError
from rongan_share.cli.agreement_words import message_of_words, parse_template
from rongan_share.cli.messages import say
from rongan_share.cli.partner_file import REQUEST_FIELDS
from rongan_share.errors import RonganError
from rongan_share.services.agreement_messages import read_agreement
from rongan_share.v1 import agreement_pb2
from rongan_share.v1 import operator_service_pb2 as pb
from rongan_share.wire.taxonomy import packaged_taxonomy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rongan_share.cli.connection import Connection
    from rongan_share.cli.partner_certificates import CertificateFolders
    from rongan_share.cli.partner_file import PartnerFile, PartnerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is left to do for one row.

    Attributes:
        row: The row.
        create: Whether it must be registered.
        agreement: What must be proposed, or None.
        certificate: Whether a certificate must be signed or made known.
    """

    row: PartnerRow
    create: bool
    agreement: agreement_pb2.Agreement | None
    certificate: bool

    @property
    def acts(self) -> int:
        """How many RPCs that takes."""
        return self.create + (self.agreement is not None) + self.certificate


def list_partners(hub: Connection) -> Iterable[pb.Partner]:
    """Asks for all partners, page by page, by id."""
    token = ""
    while True:
        request = pb.ListPartnersRequest(page_size=1_000, page_token=token)
        page = hub.call(lambda stub: stub.ListPartners, request)
        yield from page.partners
        token = page.next_page_token
        if not token:
            return


def load_templates(folder: Path | None, file: PartnerFile) -> dict[str, agreement_pb2.Agreement]:
    """Reads the agreements that rows name, without their partners.

    One that is missing or unfit becomes a problem of the file, so that it hides no other.

    Raises:
        OSError: One cannot be read.
    """
    templates: dict[str, agreement_pb2.Agreement] = {}
    unfit: set[str] = set()
    for name, line in file.templates:
        if folder is None:
            file.problems.append(RowProblem(line, "agreement", "needs --agreements"))
            break
        if name in templates or name in unfit:
            continue
        path = folder / f"{name}.toml"
        if not path.is_file():
            rule = "no such file in --agreements"
            file.problems.append(RowProblem(line, "agreement", rule))
            continue
        try:
            templates[name] = _read_template(path)
        except ValueError as error:
            unfit.add(name)
            file.problems.append(RowProblem(line, "agreement", f"{path.name}: {error}"))
    return templates


def plan(
    file: PartnerFile,
    templates: Mapping[str, agreement_pb2.Agreement],
    hub: Connection,
    *,
    folders: CertificateFolders | None,
) -> list[Work]:
    """Compares a file with the hub.

    Returns:
        What is left to do for each row, in order; rows with nothing left too.

    Raises:
        RowsRefusedError: With every problem of the file, and every row that differs from the hub.
        HubRefusalError: The hub refused, or could not be reached.
    """
    known = {each.partner_id: each for each in list_partners(hub)}
    holders = {each.credit_code: each.partner_id for each in known.values() if each.credit_code}
    problems, works = list(file.problems), []
    with progress(say("progress_compare"), len(file.rows)) as advance:
        for row in file.rows:
            there = known.get(row.partner_id)
            problems += _differences(row, there, holders)
            if folders is not None and (problem := folders.problem(row, there)):
                problems.append(problem)
            wanted = _agreement_of(row, templates)
            if wanted is not None and there is not None and there.newest_agreement_version:
                problems += _agreement_differs(row, wanted, there, hub=hub)
                wanted = None
            if not problems:
                certificate = folders is not None and not folders.is_done(row, there)
                works.append(
                    Work(row=row, create=there is None, agreement=wanted, certificate=certificate)
                )
            advance(1)
    _refuse(problems)
    return works


def carry_out(
    works: Sequence[Work], hub: Connection, *, folders: CertificateFolders | None
) -> None:
    """Does what is left, row by row.

    Raises:
        RefusedHereError: The hub refused an act, naming its row.
        UnavailableError: The hub could not be reached.
    """
    with progress(say("progress_partners"), sum(work.acts for work in works)) as advance:
        for work in works:
            try:
                _do(work, hub, folders=folders)
            except UnavailableError:
                raise
            except HubRefusalError as error:
                raise RefusedHereError(
                    say("row_refused", line=work.row.line, cause=error)
                ) from error
            advance(work.acts)


def _do(work: Work, hub: Connection, *, folders: CertificateFolders | None) -> None:
    if work.create:
        hub.call(lambda stub: stub.CreatePartner, work.row.request)
    if work.agreement is not None:
        proposal = pb.ProposeAgreementRequest(agreement=work.agreement)
        hub.call(lambda stub: stub.ProposeAgreement, proposal)
    if work.certificate and folders is not None:
        folders.issue(work.row, hub)


def _differences(
    row: PartnerRow, there: pb.Partner | None, holders: Mapping[str, str]
) -> list[RowProblem]:
    problems = []
    if there is not None:
        problems = [
            RowProblem(row.line, column, "differs from what the hub has")
            for column, field in REQUEST_FIELDS.items()
            if getattr(there, field) != getattr(row.request, field)
        ]
        if there.state == pb.PARTNER_STATE_TERMINATED:
            problems.append(RowProblem(row.line, "partner", "has left for ever"))
    holder = holders.get(row.request.credit_code, row.partner_id)
    if holder != row.partner_id:
        problems.append(RowProblem(row.line, "credit_code", "another partner of the hub has it"))
    return problems


def _agreement_of(
    row: PartnerRow, templates: Mapping[str, agreement_pb2.Agreement]
) -> agreement_pb2.Agreement | None:
    if row.template not in templates:
        return None
    agreement = agreement_pb2.Agreement()
    agreement.CopyFrom(templates[row.template])
    agreement.partner_id = row.partner_id
    return agreement


def _agreement_differs(
    row: PartnerRow, wanted: agreement_pb2.Agreement, there: pb.Partner, *, hub: Connection
) -> list[RowProblem]:
    """Compares the newest version of an agreement, which may have lists in another order."""
    request = pb.GetPartnerAgreementRequest(partner_id=row.partner_id)
    found = hub.call(lambda stub: stub.GetPartnerAgreement, request).agreement
    # What the hub sets, no proposal has.
    found.version, found.proposer, found.approver = 0, "", ""
    found.state = agreement_pb2.AGREEMENT_STATE_UNSPECIFIED
    taxonomy = packaged_taxonomy()
    if read_agreement(found, taxonomy) == read_agreement(wanted, taxonomy):
        return []
    rule = f"differs from version {there.newest_agreement_version} that the hub has"
    return [RowProblem(row.line, "agreement", rule)]


def _read_template(path: Path) -> agreement_pb2.Agreement:
    """Reads one.

    Raises:
        ValueError: It is malformed, or the hub would refuse it.
    """
    agreement = message_of_words(
        parse_template(path.read_text(encoding="utf-8")), packaged_taxonomy()
    )
    try:
        read_agreement(agreement, packaged_taxonomy())
    except RonganError as error:
        raise ValueError(f"{error.metadata['field']}: {error.metadata['rule']}") from error
    return agreement


def _refuse(problems: Sequence[RowProblem]) -> None:
    if problems:
        ordered = sorted(problems, key=lambda problem: problem.line)
        raise RowsRefusedError(tuple(ordered), len(ordered))
