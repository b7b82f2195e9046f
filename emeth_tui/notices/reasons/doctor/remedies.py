"""What to do about a finding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emeth_tui.notices.notice import Reason


class TryAgain(Reason):
    __slots__ = ()


class ReportBug(Reason):
    __slots__ = ()


class MendFirst(Reason):
    __slots__ = ()


class RunSetup(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FixSettings(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class CloseFile(Reason):
    path: Path


@dataclass(frozen=True, slots=True)
class GetKey(Reason):
    variable: str


@dataclass(frozen=True, slots=True)
class InstallPackage(Reason):
    wanted: str


@dataclass(frozen=True, slots=True)
class UsePython(Reason):
    tested: str


class InstallDriver(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UpdateDriver(Reason):
    needed: str


class InstallCudaTorch(Reason):
    __slots__ = ()


class NameOtherDevices(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class UnhideGpus(Reason):
    variable: str


class AddDevices(Reason):
    __slots__ = ()


class FreeDevice(Reason):
    __slots__ = ()


class ChooseSmallerModel(Reason):
    __slots__ = ()


class CheckDevice(Reason):
    __slots__ = ()


class CheckEndpoint(Reason):
    __slots__ = ()


class UseOtherEndpoint(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class EndpointOfChain(Reason):
    chain_id: int


class AddEndpoint(Reason):
    __slots__ = ()


class CorrectAddresses(Reason):
    __slots__ = ()


class ReadRates(Reason):
    __slots__ = ()


class RaiseMaxFee(Reason):
    __slots__ = ()


class DoNotStake(Reason):
    __slots__ = ()


class MakeWallet(Reason):
    __slots__ = ()


class CorrectPassword(Reason):
    __slots__ = ()


class RestoreKeystore(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class GivePassword(Reason):
    variable: str


@dataclass(frozen=True, slots=True)
class SendNative(Reason):
    address: str
    symbol: str


@dataclass(frozen=True, slots=True)
class SendEmt(Reason):
    address: str


class WidenFees(Reason):
    __slots__ = ()


class StopOther(Reason):
    __slots__ = ()


class UseOtherState(Reason):
    __slots__ = ()


class RestoreStore(Reason):
    __slots__ = ()


class AskOperator(Reason):
    __slots__ = ()


class CheckClockAndAccount(Reason):
    __slots__ = ()


class SetClock(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class MakeWritable(Reason):
    directory: Path


class MakeRoom(Reason):
    __slots__ = ()


class LowerLimit(Reason):
    __slots__ = ()


class RaiseLimit(Reason):
    __slots__ = ()


class UseFasterDisk(Reason):
    __slots__ = ()


class UseLocalDisk(Reason):
    __slots__ = ()


class ReachHub(Reason):
    __slots__ = ()


class NameModel(Reason):
    __slots__ = ()


class SetTerm(Reason):
    __slots__ = ()


class EnlargeTerminal(Reason):
    __slots__ = ()


class SetEncoding(Reason):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class EnableLinger(Reason):
    user: str


@dataclass(frozen=True, slots=True)
class GiveTimeToStop(Reason):
    seconds: int


class WriteUnit(Reason):
    __slots__ = ()
