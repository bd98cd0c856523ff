"""The SDK of a partner: ask a hub for verdicts, share listings with it.

Start at `Client`. Identifiers become tokens here, on the partner's machine; the hub never
receives one.
"""

from partner_sdk.agreements import Agreement, NextEpoch, Quota, TokenEpoch
from partner_sdk.client import Client
from partner_sdk.columns import Frame, FrameAnswer, FrameMaker, SubjectAnswer
from partner_sdk.contributions import Ack, ContributionState, RowFrame, frames_of_rows
from partner_sdk.credentials import Credentials, CredentialsCause, CredentialsError
from partner_sdk.directory import DirectoryBusyError
from partner_sdk.enrolment import enroll, make_key_and_request
from partner_sdk.errors import (
    AnswerMalformedError,
    ClientBusyError,
    ConflictError,
    DataLossError,
    FailedPreconditionError,
    HubRefusalError,
    InternalFaultError,
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotFoundError,
    NotServedError,
    QuotaExceededError,
    SdkError,
    UnauthenticatedError,
    UnavailableError,
)
from partner_sdk.handshake import HubNotRecognisedError, NoRootShownError
from partner_sdk.own_listings import OwnListing
from partner_sdk.questions import Origin, Question
from partner_sdk.renewal import renew
from partner_sdk.retokens import LeftOut, NoOpeningEpochError, RetokenAck, retoken_rows
from partner_sdk.retry import RetryPolicy
from partner_sdk.shared import AnsweredFrame
from partner_sdk.subjects import frame_of_subjects
from partner_sdk.usage import MeterUsage, Usage
from partner_sdk.verdicts import Coverage, Listing, QuotaLeft, Summary, Verdict

__all__ = [
    "Ack",
    "Agreement",
    "AnswerMalformedError",
    "AnsweredFrame",
    "Client",
    "ClientBusyError",
    "ConflictError",
    "ContributionState",
    "Coverage",
    "Credentials",
    "CredentialsCause",
    "CredentialsError",
    "DataLossError",
    "DirectoryBusyError",
    "FailedPreconditionError",
    "Frame",
    "FrameAnswer",
    "FrameMaker",
    "HubNotRecognisedError",
    "HubRefusalError",
    "InternalFaultError",
    "InvalidRequestError",
    "LeftOut",
    "LimitExceededError",
    "Listing",
    "MeterUsage",
    "NextEpoch",
    "NoOpeningEpochError",
    "NoRootShownError",
    "NotAllowedError",
    "NotFoundError",
    "NotServedError",
    "Origin",
    "OwnListing",
    "Question",
    "Quota",
    "QuotaExceededError",
    "QuotaLeft",
    "RetokenAck",
    "RetryPolicy",
    "RowFrame",
    "SdkError",
    "SubjectAnswer",
    "Summary",
    "TokenEpoch",
    "UnauthenticatedError",
    "UnavailableError",
    "Usage",
    "Verdict",
    "enroll",
    "frame_of_subjects",
    "frames_of_rows",
    "make_key_and_request",
    "renew",
    "retoken_rows",
]
