"""What the OFAC list calls an identifier, and what that is here.

A number that one register gives is only unique within it: as NATIONAL_ID or TAX_ID of its country
it would list whoever bears the same number in another register. Such a number becomes a NAME_ID,
the name of its bearer with the number, and so does a number whose country is missing.
"""

from __future__ import annotations

import re
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Label(Enum):
    """How the text after a label is read."""

    PASSPORT = "passport"
    NATIONAL = "number that a country gives a person once"
    TAX = "number that a country's tax office gives once"
    DOCUMENT = "number of a register or of any other document"
    ENTITY = "LEI, or the Dutch number of a legal entity"
    SHIP = "IMO number of a ship"
    BIC = "code of a bank"
    CRYPTO = "crypto-asset and address"
    PHONE = "telephone or telefax"
    NO_TYPE = "no identifier type fits"


_LABELS: Mapping[Label, str] = MappingProxyType(
    {
        Label.PASSPORT: """
British National Overseas Passport
Diplomatic Passport
Passport
Passport Booklet
Stateless Person Passport
""",
        Label.NATIONAL: """
Bosnian Personal ID No. = Bosnia and Herzegovina
C.U.I. = Guatemala
C.U.R.P. = Mexico
CNP (Personal Numerical Code) = Romania
Cedula No.
Citizen's Card Number
D.N.I. = Spain
Kenyan ID No. = Kenya
LE Number = Peru
Moroccan Personal ID No. = Morocco
N.I.E. = Spain
National ID No.
Numero de Identidad = Honduras
Personal ID Card
SSN = United States
Turkish Identification Number = Turkey
UAE Identification = United Arab Emirates
""",
        Label.TAX: """
Business Number
C.I.F. = Spain
C.U.I.T. = Argentina
Enterprise Number
Fiscal Code
Italian Fiscal Code = Italy
NIT
Numero Unico de Identificacao Tributaria (NUIT) = Mozambique
Paraguayan tax identification number = Paraguay
R.F.C. = Mexico
RFC = Mexico
RIF = Venezuela
RSIN = Netherlands
RTN = Honduras
RUC
Romanian Tax Registration = Romania
Tax ID No.
US FEIN = United States
V.A.T. Number
""",
        Label.DOCUMENT: """
Afghan Money Service Provider License Number
Birth Certificate Number
Branch Unit Number
Business Registration Document
Business Registration Number
C.R. No.
C.U.I.P.
Cartilla de Servicio Militar Nacional
Central Registration System Number
Certificate of Incorporation Number
Chamber of Commerce Number
Commercial Registry Number
Company ID
Company Number
Company Number IMO
Credencial electoral
D-U-N-S Number
Driver's License No.
Dubai Chamber of Commerce Membership No.
Electoral Registry No.
File Number
Folio Mercantil No.
Government Gazette Number
I.F.E.
Identification Number
Identification Number IMO
Immigration No.
International Maritime Organization No.
Istanbul Chamber of Comm. No.
License
MSB Registration Number
Matricula Mercantil No
National Foreign ID Number
Pilot License Number
Public Registration Number
Public Security and Immigration No.
Refugee ID Card
Registered Charity No.
Registration ID
Registration Number
Residency Number
Romanian C.R.
Romanian Permanent Resident CAN
SRE Permit No.
Seafarer's Identification Document
Serial No.
Stateless Person ID Card
Tarjeta Profesional
Tazkira National ID Card
Temporary suspension of deportation No.
Tourism License No.
Trade License No.
Travel Document Number
UK Company Number
VisaNumberID
""",
        Label.ENTITY: "Legal Entity Number",
        Label.SHIP: """
Vessel Registration Identification
Vessel Registration Identification IMO
""",
        Label.BIC: "SWIFT/BIC",
        Label.CRYPTO: "Digital Currency Address -",
        Label.PHONE: """
FAX
Fax
Fax No.
PHONE
Phone No.
Phone Number
Telephone
Telephone No.
Telephone Number
""",
        Label.NO_TYPE: """
Aircraft Construction Number
Aircraft Manufacturer's Serial Number
Aircraft Mode S Transponder Code
Aircraft Serial Identification
Aircraft Tail Number
BIK (RU)
Chinese Commercial Code
Identification Number ISIN
MMSI
Other Vessel Call Sign
Previous Aircraft Tail Number
TELEX
UN/LOCODE
Vessel Call Sign
""",
    }
)

LABELS: Mapping[str, tuple[Label, str]] = MappingProxyType(
    {
        name: (label, country)
        for label, text in _LABELS.items()
        for name, _, country in (line.partition(" = ") for line in text.split("\n") if line)
    }
)
"""How to read it, and the country that the label itself names or implies, by label."""

# Longest first: "Company Number IMO" is no "Company Number".
LABELLED = re.compile(
    "(?:alt\\. |Alt\\. )?(?P<label>"
    + "|".join(re.escape(name) for name in sorted(LABELS, key=len, reverse=True))
    + r")(?![A-Za-z]):?(?: No\.)?(?: #)?:? ?(?P<rest>.*)"
)
"""A part of the remarks that begins with a label."""
