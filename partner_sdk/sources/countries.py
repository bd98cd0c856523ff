"""Names of countries as the OFAC list writes them, and their codes.

Covers every country that the list names as an issuer of a passport, and its neighbours in the
same spelling. An unknown name is never guessed: the identifier is skipped and named in the
report.

Source: ISO 3166-1 alpha-3; the spelling is that of the US Treasury.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLE = """
AFG Afghanistan
ALB Albania
DZA Algeria
AGO Angola
ATG Antigua and Barbuda
ARG Argentina
ARM Armenia
AUS Australia
AUT Austria
AZE Azerbaijan
BHS Bahamas, The
BHR Bahrain
BGD Bangladesh
BRB Barbados
BLR Belarus
BEL Belgium
BLZ Belize
BEN Benin
BOL Bolivia
BIH Bosnia and Herzegovina
BRA Brazil
BGR Bulgaria
BFA Burkina Faso
MMR Burma
BDI Burundi
CPV Cabo Verde
CPV Cabo Verde. Previously Cape Verde.
KHM Cambodia
CMR Cameroon
CAN Canada
CAF Central African Republic
TCD Chad
CHL Chile
CHN China
COL Colombia
COM Comoros
COD Congo, Democratic Republic of the
COG Congo, Republic of the
CRI Costa Rica
CIV Cote d Ivoire
HRV Croatia
CUB Cuba
CYP Cyprus
CZE Czech Republic
DNK Denmark
DJI Djibouti
DMA Dominica
DOM Dominican Republic
ECU Ecuador
EGY Egypt
SLV El Salvador
GNQ Equatorial Guinea
ERI Eritrea
EST Estonia
ETH Ethiopia
FIN Finland
FRA France
GAB Gabon
GEO Georgia
DEU Germany
GHA Ghana
GRC Greece
GRD Grenada
GTM Guatemala
GIN Guinea
GNB Guinea-Bissau
GUY Guyana
HTI Haiti
HND Honduras
HKG Hong Kong
HUN Hungary
IND India
IDN Indonesia
IRN Iran
IRQ Iraq
IRL Ireland
ISR Israel
ITA Italy
JAM Jamaica
JPN Japan
JOR Jordan
KAZ Kazakhstan
KEN Kenya
PRK Korea, North
KOR Korea, South
XKX Kosovo
KWT Kuwait
KGZ Kyrgyzstan
LAO Laos
LVA Latvia
LBN Lebanon
LBR Liberia
LBY Libya
LTU Lithuania
LUX Luxembourg
MAC Macau
MYS Malaysia
MDV Maldives
MLI Mali
MLT Malta
MRT Mauritania
MEX Mexico
MDA Moldova
MNG Mongolia
MNE Montenegro
MAR Morocco
MOZ Mozambique
NAM Namibia
NPL Nepal
NLD Netherlands
NZL New Zealand
NIC Nicaragua
NER Niger
NGA Nigeria
MKD North Macedonia, The Republic of
NOR Norway
OMN Oman
PAK Pakistan
PSE Palestinian
PAN Panama
PRY Paraguay
PER Peru
PHL Philippines
POL Poland
PRT Portugal
QAT Qatar
ROU Romania
RUS Russia
RWA Rwanda
KNA Saint Kitts and Nevis
LCA Saint Lucia
SAU Saudi Arabia
SEN Senegal
SRB Serbia
SYC Seychelles
SLE Sierra Leone
SGP Singapore
SVK Slovakia
SVN Slovenia
SOM Somalia
ZAF South Africa
SSD South Sudan
ESP Spain
LKA Sri Lanka
SDN Sudan
SUR Suriname
SWE Sweden
CHE Switzerland
SYR Syria
TWN Taiwan
TJK Tajikistan
TZA Tanzania
THA Thailand
GMB The Gambia
TGO Togo
TTO Trinidad and Tobago
TUN Tunisia
TUR Turkey
TKM Turkmenistan
UGA Uganda
UKR Ukraine
ARE United Arab Emirates
GBR United Kingdom
USA United States
URY Uruguay
UZB Uzbekistan
VUT Vanuatu
VEN Venezuela
VNM Vietnam
YEM Yemen
ZMB Zambia
ZWE Zimbabwe
"""

COUNTRY_CODES: Mapping[str, str] = MappingProxyType(
    {name: code for code, _, name in (line.partition(" ") for line in _TABLE.split("\n") if line)}
)
"""Three-letter code by name."""
