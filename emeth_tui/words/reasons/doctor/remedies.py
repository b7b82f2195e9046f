"""The sentences of notices/reasons/doctor/remedies.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import remedies

SENTENCES: Mapping[type[Notice], str] = {
    remedies.TryAgain: "run `emeth-tui doctor` again; if it stays, look at what this check needs",
    remedies.ReportBug: "this is a fault of the program: report this line",
    remedies.MendFirst: "mend this first, then run `emeth-tui doctor` again",
    remedies.RunSetup: "run `emeth-tui setup`, which asks for everything and writes the file",
    remedies.FixSettings: "correct {path}; `emeth-tui config example` prints every key with its meaning",
    remedies.CloseFile: "run `chmod 600 {path}`",
    remedies.GetKey: (
        "ask the network's operator for the key; set {variable}, or verification_key under the network"
    ),
    remedies.InstallPackage: "run `pip install '{wanted}'` in the environment of this program",
    remedies.UsePython: "make an environment with one of {tested}, and install into that",
    remedies.InstallDriver: (
        "install NVIDIA's driver, then look with `nvidia-smi`; in a container, pass the GPUs on to it"
    ),
    remedies.UpdateDriver: (
        "update NVIDIA's driver to one for CUDA {needed}, or install a torch for an older CUDA"
    ),
    remedies.InstallCudaTorch: "install the torch with CUDA: `pip install --force-reinstall torch`",
    remedies.NameOtherDevices: "correct workers.devices, or leave it empty to use every GPU",
    remedies.UnhideGpus: "unset {variable}, if they should train as well",
    remedies.AddDevices: "add them to workers.devices, if they should train as well",
    remedies.FreeDevice: "end what else works on it, or choose other devices with workers.devices",
    remedies.ChooseSmallerModel: (
        "free memory, or set training.model_en and training.model_ja to a smaller model"
    ),
    remedies.CheckDevice: (
        "look at the driver and the cooling (`nvidia-smi`), then try again; do not stake on this "
        "device before"
    ),
    remedies.CheckEndpoint: "correct rpc_urls of the network, or wait until the endpoint is back",
    remedies.UseOtherEndpoint: "put another endpoint first in rpc_urls",
    remedies.EndpointOfChain: "set rpc_urls to endpoints of chain {chain_id}; this one is not used",
    remedies.AddEndpoint: "add a second endpoint to rpc_urls",
    remedies.CorrectAddresses: "copy core_address and token_address from the network's operator again",
    remedies.ReadRates: (
        "compare with what the network's operator says before you stake; the contract's rates are what counts"
    ),
    remedies.RaiseMaxFee: "raise claims.max_fee_emt above the verifier's fee",
    remedies.DoNotStake: "do not stake here: ask the network's operator",
    remedies.MakeWallet: ("run `emeth-tui wallet new` or `emeth-tui wallet import`, or set wallet.keystore"),
    remedies.CorrectPassword: (
        "correct the password: at the prompt, in wallet.password_file or in EMETH_TUI_PASSWORD"
    ),
    remedies.RestoreKeystore: "put a copy of the keystore in its place; without one, the account is lost",
    remedies.GivePassword: (
        "set {variable} or wallet.password_file, or run this on a terminal, where it is asked for"
    ),
    remedies.SendNative: "send {symbol} to {address}: it pays for every transaction",
    remedies.SendEmt: "send EMT to {address}, or lower claims.min_fee_emt",
    remedies.WidenFees: "change claims.min_fee_emt and claims.max_fee_emt, or wait for other offers",
    remedies.StopOther: (
        "end the other program, or give this node an account of its own: two with one key lose deposits"
    ),
    remedies.UseOtherState: "use that wallet, or set state.directory to another",
    remedies.RestoreStore: "stop the node and look at `emeth-tui store backups`",
    remedies.AskOperator: "correct the address in the settings, or ask the network's operator",
    remedies.CheckClockAndAccount: ("set the clock by NTP, and check that this account may use the storage"),
    remedies.SetClock: "set the clock by NTP, such as with `timedatectl set-ntp true`",
    remedies.MakeWritable: (
        "let your user write to {directory}, or set state.directory or cache.directory to another"
    ),
    remedies.MakeRoom: "free room on the disk, or set cache.directory to a larger one",
    remedies.LowerLimit: "lower cache.limit_gb to what is free, or free room",
    remedies.RaiseLimit: "raise cache.limit_gb, or choose a smaller model",
    remedies.UseFasterDisk: (
        "set cache.directory to a faster disk: training waits while a checkpoint is written"
    ),
    remedies.UseLocalDisk: "set state.directory to a disk of this machine",
    remedies.ReachHub: (
        "check the connection, HTTPS_PROXY and HF_ENDPOINT, or name a local directory in "
        "training.model_en or training.model_ja"
    ),
    remedies.NameModel: (
        "name a GPT-2 on the hub or a local directory in training.model_en or training.model_ja"
    ),
    remedies.SetTerm: "set TERM to what the terminal is, such as `xterm-256color`, or use --no-ui",
    remedies.EnlargeTerminal: "enlarge the window, or choose a smaller font",
    remedies.SetEncoding: "set LANG to a UTF-8 locale, such as C.UTF-8, or use --ascii",
    remedies.EnableLinger: "run `loginctl enable-linger {user}`",
    remedies.GiveTimeToStop: "set `TimeoutStopSec={seconds}` in the unit",
    remedies.WriteUnit: ("`emeth-tui service install` writes a unit, which starts the node with the machine"),
}
