"""Every error that emeth-tui raises on purpose, and the exit code that each one ends the program with.

EmethError                    what happened, to which job, and what the user can do; one line
├── SettingsError             the TOML file, an option or an environment variable is wrong
├── WalletError               keystore missing, corrupt, or its password wrong
├── NetworkError              the network is not what the settings say, or does not answer
│   ├── ChainUnreachable      no answer from the RPC endpoint
│   ├── WrongChain            the endpoint serves another chain id
│   ├── ContractMissing       no code at the contract's address, or not EmethCore's
│   ├── StorageError          the storage API refused or broke off
│   │   └── StorageRejected   it answered, and said no: asking again will not help
│   └── InfoServerError       the info server does not answer or does not make sense
├── TransactionError          a transaction could not be made, sent or confirmed
│   ├── InsufficientFunds     EMT or native balance too small for it
│   ├── Reverted              the contract refused it; carries the reason
│   └── ReceiptTimeout        sent, and not seen in a block yet: it may still go through
├── JobError                  this job cannot go on (hostile or broken input, wrong state)
│   ├── InvalidTransition     a state change that the table does not hold
│   └── DatasetError          the dataset is not text, too small, or not what was announced
├── DiskFull                  no room: the cache limit or the file system
├── TrainingError             training failed for good; carries the reason
├── WorkerError               a worker process died too often, or no device starts
│   └── DeviceFailed          one device does not start; others may go on with its job
├── StoreError                the node's database does not take a write
│   ├── StoreNewer            it was written by a newer version
│   └── StoreDamaged          it is damaged, or gone where it was before
├── AlreadyRunning            another node holds this state directory
├── TerminalError             the terminal cannot show the screen
├── ExportError               a file that the user asked for cannot be written
├── ControlError              the node that runs here cannot be looked at, or not any longer
├── SshError                  another machine's node cannot be reached over ssh
├── HostError                 another machine that trains for the node is not what it should be
├── NotRunning                a command needs a running node, and none runs here
├── NoSuchJob                 no job has the id that was typed, or several begin with it
├── CommandRefused            the node does not do what was asked of it now
├── NotConfirmed              what costs money was not confirmed
├── ServiceError              a network's contracts or services could not be set up
└── DevnetError               the local network could not be started
"""

from __future__ import annotations

from enum import IntEnum

from emeth_tui.notices.notice import Reason
from emeth_tui.words.sentences import english


class ExitCode(IntEnum):
    """What the process ends with; scripts and systemd units may rely on these."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2  # click's own code for wrong arguments
    SETTINGS = 3
    WALLET = 4
    CHAIN_UNREACHABLE = 5
    WRONG_CHAIN = 6
    CONTRACT_MISSING = 7
    UNFUNDED = 8
    SERVICE = 9
    DISK = 10
    WORKER = 11
    STORE = 12
    ALREADY_RUNNING = 13
    DEVNET = 14
    CONTROL = 15
    STORE_DAMAGED = 16
    TERMINAL = 17
    SSH = 18
    STORE_NEWER = 19
    DOCTOR_WARNING = 20
    DOCTOR_ERROR = 21
    NOT_RUNNING = 22
    NO_SUCH_JOB = 23
    REFUSED = 24
    NOT_CONFIRMED = 25
    NOT_VERIFIED = 26
    SERVING = 27
    UPDATE_AVAILABLE = 28
    PYTHON = 29
    REQUESTED_ALREADY = 30
    INTERRUPTED = 130


class Reasoned(Exception):
    """Base of what carries a reason: `reason` says what happened, `str` says it in English."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return english(self.reason)


class EmethError(Reasoned):
    """Base of all errors that are fit for the user."""

    exit_code = ExitCode.UNEXPECTED


class SettingsError(EmethError):
    exit_code = ExitCode.SETTINGS


class WalletError(EmethError):
    exit_code = ExitCode.WALLET


class NetworkError(EmethError):
    exit_code = ExitCode.SERVICE


class ChainUnreachable(NetworkError):
    exit_code = ExitCode.CHAIN_UNREACHABLE


class WrongChain(NetworkError):
    exit_code = ExitCode.WRONG_CHAIN


class ContractMissing(NetworkError):
    exit_code = ExitCode.CONTRACT_MISSING


class StorageError(NetworkError):
    pass


class StorageRejected(StorageError):
    pass


class InfoServerError(NetworkError):
    pass


class UpdateUnknown(NetworkError):
    pass


class TransactionError(EmethError):
    pass


class InsufficientFunds(TransactionError):
    exit_code = ExitCode.UNFUNDED


class Reverted(TransactionError):
    pass


class ReceiptTimeout(TransactionError):
    pass


class JobError(EmethError):
    pass


class InvalidTransition(JobError):
    pass


class DatasetError(JobError):
    pass


class DiskFull(EmethError):
    exit_code = ExitCode.DISK


class TrainingError(EmethError):
    pass


class WorkerError(EmethError):
    exit_code = ExitCode.WORKER


class DeviceFailed(WorkerError):
    pass


class StoreError(EmethError):
    exit_code = ExitCode.STORE


class StoreNewer(StoreError):
    exit_code = ExitCode.STORE_NEWER


class StoreDamaged(StoreError):
    exit_code = ExitCode.STORE_DAMAGED


class AlreadyRunning(EmethError):
    exit_code = ExitCode.ALREADY_RUNNING


class TerminalError(EmethError):
    exit_code = ExitCode.TERMINAL


class ExportError(EmethError):
    pass


class ControlError(EmethError):
    exit_code = ExitCode.CONTROL


class SshError(EmethError):
    exit_code = ExitCode.SSH


class HostError(EmethError):
    exit_code = ExitCode.SSH


class NotRunning(EmethError):
    exit_code = ExitCode.NOT_RUNNING


class NoSuchJob(EmethError):
    exit_code = ExitCode.NO_SUCH_JOB


class CommandRefused(EmethError):
    exit_code = ExitCode.REFUSED


class RequestedAlready(CommandRefused):
    exit_code = ExitCode.REQUESTED_ALREADY


class NotConfirmed(EmethError):
    exit_code = ExitCode.NOT_CONFIRMED


class ServiceError(EmethError):
    exit_code = ExitCode.SERVING


class DevnetError(EmethError):
    exit_code = ExitCode.DEVNET
