"""What to do about a finding."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.notices.notice import Reason


class TryAgain(Reason):
    pass


class ReportBug(Reason):
    pass


class MendFirst(Reason):
    pass


class RunSetup(Reason):
    pass


class FixSettings(Reason):
    path: Path


class CloseFile(Reason):
    path: Path


class GetKey(Reason):
    variable: str


class InstallPackage(Reason):
    wanted: str


class UsePython(Reason):
    tested: str


class InstallDriver(Reason):
    pass


class UpdateDriver(Reason):
    needed: str


class InstallCudaTorch(Reason):
    pass


class NameOtherDevices(Reason):
    pass


class UnhideGpus(Reason):
    variable: str


class AddDevices(Reason):
    pass


class FreeDevice(Reason):
    pass


class ChooseSmallerModel(Reason):
    pass


class CheckDevice(Reason):
    pass


class CheckEndpoint(Reason):
    pass


class UseOtherEndpoint(Reason):
    pass


class EndpointOfChain(Reason):
    chain_id: int


class AddEndpoint(Reason):
    pass


class CorrectAddresses(Reason):
    pass


class ReadRates(Reason):
    pass


class RaiseMaxFee(Reason):
    pass


class DoNotStake(Reason):
    pass


class MakeWallet(Reason):
    pass


class CorrectPassword(Reason):
    pass


class RestoreKeystore(Reason):
    pass


class GivePassword(Reason):
    variable: str


class SendNative(Reason):
    address: str
    symbol: str


class SendEmt(Reason):
    address: str


class WidenFees(Reason):
    pass


class StopOther(Reason):
    pass


class UseOtherState(Reason):
    pass


class RestoreStore(Reason):
    pass


class AskOperator(Reason):
    pass


class CheckClockAndAccount(Reason):
    pass


class SetClock(Reason):
    pass


class MakeWritable(Reason):
    directory: Path


class MakeRoom(Reason):
    pass


class LowerLimit(Reason):
    pass


class RaiseLimit(Reason):
    pass


class UseFasterDisk(Reason):
    pass


class UseLocalDisk(Reason):
    pass


class ReachHub(Reason):
    pass


class NameModel(Reason):
    pass


class SetTerm(Reason):
    pass


class EnlargeTerminal(Reason):
    pass


class SetEncoding(Reason):
    pass


class EnableLinger(Reason):
    user: str


class GiveTimeToStop(Reason):
    seconds: int


class WriteUnit(Reason):
    pass
