"""The closed vocabularies of the wire as Python enumerations.

The numbers are those of ``vocabulary.proto``; a house test holds the two equal. They exist twice
because generated enumerations are bare integers: these print their names and let a type checker
help.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, unique


@unique
class IdentifierType(IntEnum):
    """What kind of identifier a token stands for; values stay below 64."""

    CN_RID = 1
    CN_FPR = 2
    PASSPORT = 3
    CN_HMT_PERMIT = 4
    NATIONAL_ID = 5
    TAX_ID = 6
    CN_USCC = 7
    CN_ORG = 8
    CN_LICENCE = 9
    LEI = 10
    PAN = 11
    ACCT = 12
    ACCT_NAME = 13
    IBAN = 14
    WALLET = 15
    CRYPTO_ADDR = 16
    MERCHANT = 17
    BIC = 18
    MSISDN = 19
    PHONE = 20
    SHORT = 21
    ORG_NAME = 22
    PERSON_NAME = 23
    NAME_ID = 24
    NAME_DOB = 25
    IMEI = 26
    MAC = 27
    DEVFP = 28
    IP = 29
    DOMAIN = 30
    URL = 31
    EMAIL = 32
    SOCIAL = 33
    IMO = 34


@unique
class Suite(IntEnum):
    """The keyed function that makes tokens."""

    HMAC_SHA256 = 1
    HMAC_SM3 = 2


@unique
class Purpose(IntEnum):
    """Why a question is asked; mandatory on every query."""

    ANTI_TELECOM_FRAUD = 1
    ANTI_FRAUD = 2
    AML_CFT = 3
    SANCTIONS = 4
    CUSTOMER_DUE_DILIGENCE = 5
    SUPPLIER_DUE_DILIGENCE = 6
    PUBLIC_INQUIRY = 7
    DISPUTE_HANDLING = 8


@unique
class Channel(IntEnum):
    """Where a question arose."""

    OUTLET = 1
    INTERNET = 2
    PHONE = 3
    MOBILE = 4
    SELF_SERVICE = 5
    OPEN_API = 6
    ONBOARDING = 7
    BATCH = 8
    PUBLIC = 9


@unique
class ProductLine(IntEnum):
    """A service that an agreement buys."""

    SCREEN = 1
    BATCH = 2
    MONITOR = 3
    LIST_PREFIX = 4
    CONTRIBUTE = 5
    FEEDBACK = 6
    REPORT = 7


@unique
class DetailLevel(IntEnum):
    """How much of a listing a verdict shows; higher shows more."""

    VERDICT = 1
    CATEGORY = 2
    PROVENANCE = 3


@unique
class SourceClass(IntEnum):
    """What kind of body a listing comes from; bit c of a source-class set."""

    HOST_INTERNAL = 1
    PUBLIC_TRUST = 2
    PEER_DOMESTIC = 3
    PEER_OVERSEAS = 4
    ANTI_FRAUD_ORG = 5
    POLICE = 6
    COURT = 7
    REGULATOR = 8
    CLEARING = 9
    INTL_LIST = 10
    ENTERPRISE = 11
    MODEL = 12


@unique
class Evidence(IntEnum):
    """The standard of proof behind a listing."""

    LEAD = 1
    TO_BE_VERIFIED = 2
    VERIFIED = 3
    AUTHORITY_DETERMINED = 4


@unique
class LegalBasis(IntEnum):
    """Why the contributor may share a listing."""

    CONSENT = 1
    LEGAL_DUTY = 2
    ANTI_TELECOM_FRAUD_LAW = 3
    AML_LAW = 4
    COURT_OR_POLICE_ORDER = 5
    PUBLIC_RECORD = 6


@unique
class RowOperation(IntEnum):
    """What one row of a contribution frame does."""

    ADD = 1
    AMEND = 2
    WITHDRAW = 3
    RETOKEN = 4


@unique
class State(IntEnum):
    """What a verdict says about one token or subject; nothing else exists."""

    LISTED = 1
    NOT_LISTED = 2
    NOT_ENTITLED = 3
    INDETERMINATE = 4


class RowFlag(IntFlag):
    """Flags that a contributor sets on a row (u8)."""

    WEAK = 1
    SUSPECT = 2
    ALIAS = 4
    ORDER = 8


class SummaryFlag(IntFlag):
    """Flags of a folded summary or of one listing shown to a caller (u8)."""

    DISPUTED = 1
    WEAK = 2
    ORDER = 4
    SOURCE_SUSPENDED = 8
    SUSPECT = 16
    ALIAS = 32
