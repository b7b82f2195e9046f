"""What every exit code means and what to do about it: in English the README has the meanings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import ExitCode

README = Path(__file__).parent.parent / "README.md"
_ROWS = re.compile(r"^\| (\d+) \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a code: in English its remedy alone, because the README has its meaning."""

    remedy: str
    meaning_ja: str
    remedy_ja: str


def meanings() -> dict[ExitCode, str]:
    """Return what the README says that each code means; UNEXPECTED is not in its table."""
    rows = {ExitCode(int(code)): text for code, text in _ROWS.findall(README.read_text("utf-8"))}
    return {ExitCode.UNEXPECTED: "an error that was not expected", **rows}


SAID = {
    ExitCode.UNEXPECTED: Said(
        "do what the message says; report a traceback",
        "想定していないエラー",
        "メッセージに従ってください。トレースバックが出たら報告してください",
    ),
    ExitCode.USAGE: Said(
        "`emeth-tui COMMAND --help` shows the options and an example",
        "引数の誤り",
        "`emeth-tui COMMAND --help` にオプションと例があります",
    ),
    ExitCode.SETTINGS: Said(
        "correct the key that the message names; `emeth-tui config example` explains each, and `emeth-tui "
        "config check` tries the file",
        "設定",
        "メッセージが示すキーを直してください。`emeth-tui config example` に各キーの説明があり、"
        "`emeth-tui config check` でファイルを試せます",
    ),
    ExitCode.WALLET: Said(
        "correct the password (at the prompt, in `wallet.password_file` or `EMETH_TUI_PASSWORD`), or put a "
        "copy of the keystore in its place",
        "キーストアまたはパスワード",
        "パスワード（プロンプト、`wallet.password_file`、`EMETH_TUI_PASSWORD`）を直すか、キーストアの控えを"
        "元の場所に置いてください",
    ),
    ExitCode.CHAIN_UNREACHABLE: Said(
        "check the connection; `emeth-tui doctor --quick` tries each endpoint of `rpc_urls`. A service "
        "starts anew by itself",
        "チェーンが応答しない",
        "接続を確かめてください。`emeth-tui doctor --quick` が `rpc_urls` の各エンドポイントを試します。"
        "サービスは自動で起動し直します",
    ),
    ExitCode.WRONG_CHAIN: Said(
        "set `rpc_urls` to endpoints of the network's chain, or correct `chain_id`",
        "チェーン ID が違う",
        "`rpc_urls` をネットワークのチェーンのエンドポイントにするか、`chain_id` を直してください",
    ),
    ExitCode.CONTRACT_MISSING: Said(
        "copy `core_address` and `token_address` from the network's operator again",
        "そのアドレスにコントラクトがない",
        "`core_address` と `token_address` をネットワークの運営者の示すものに直してください",
    ),
    ExitCode.UNFUNDED: Said(
        "send what the message names to the account; `emeth-tui wallet address` prints its address",
        "EMT またはネイティブトークンの不足",
        "メッセージが示すものをアカウントに送ってください。アドレスは `emeth-tui wallet address` に出ます",
    ),
    ExitCode.SERVICE: Said(
        "wait and try again; `emeth-tui doctor --quick` tries storage and info server. After `notify "
        "test`, correct `[alerts]`",
        "ネットワークのほかのサービス",
        "待ってからもう一度試してください。`emeth-tui doctor --quick` がストレージと情報サーバーを調べます。"
        "`notify test` のあとなら `[alerts]` を直してください",
    ),
    ExitCode.DISK: Said(
        "make room on the disk that the message names, or raise `cache.limit_gb`",
        "ディスク",
        "メッセージが示すディスクに空きを作るか、`cache.limit_gb` を増やしてください",
    ),
    ExitCode.WORKER: Said(
        "`emeth-tui doctor` names driver and device; the log that the message names says more",
        "起動するデバイスがなく、進行中のジョブもない",
        "`emeth-tui doctor` がドライバーとデバイスを示します。詳しくはメッセージが示すログにあります",
    ),
    ExitCode.STORE: Said(
        "do what the message says, such as naming the right `--state-dir`",
        "データベース",
        "メッセージに従ってください（正しい `--state-dir` を指定するなど）",
    ),
    ExitCode.ALREADY_RUNNING: Said(
        "`emeth-tui` on a terminal shows the node that runs, `emeth-tui stop` ends it; a second node needs a "
        "`--state-dir` and an account of its own",
        "同じ状態で別のノードが動いている",
        "端末で `emeth-tui` を実行すると動いているノードが表示され、`emeth-tui stop` で終わります。"
        "二つ目のノードには別の `--state-dir` とアカウントが必要です",
    ),
    ExitCode.DEVNET: Said(
        "the message, or the log that it names, says why; `pip install 'emeth-tui[devnet]'` brings what it "
        "needs",
        "ローカルネットワークが起動しなかった",
        "理由はメッセージ、またはそれが示すログにあります。必要なものは `pip install 'emeth-tui[devnet]'` "
        "で入ります",
    ),
    ExitCode.CONTROL: Said(
        "try again; if the versions differ, `kill PID` saves every job and ends the node, then start it "
        "with this version",
        "動いているノードを表示できない、またはできなくなった",
        "もう一度試してください。バージョンが違うなら、`kill PID` でジョブをすべて保存して終わらせ、"
        "このバージョンで起動してください",
    ),
    ExitCode.STORE_DAMAGED: Said(
        "`emeth-tui store backups`, then `emeth-tui store restore` with the node stopped",
        "データベースの破損または消失",
        "`emeth-tui store backups`、次にノードを止めて `emeth-tui store restore`",
    ),
    ExitCode.TERMINAL: Said(
        "set `TERM` to what the terminal is, such as `xterm-256color`, or use `--no-ui`",
        "端末が画面を表示できない",
        "`TERM` を端末に合わせる（`xterm-256color` など）か、`--no-ui` を使ってください",
    ),
    ExitCode.SSH: Said(
        "`ssh HOST emeth-tui version` must work by hand; `--remote-command` or `--ssh` says how else to "
        "call it",
        "別のマシンのノードに ssh で届かない",
        "手で `ssh HOST emeth-tui version` が動くようにしてください。呼び方が違うなら `--remote-command` ま"
        "たは `--ssh` で指定します",
    ),
    ExitCode.STORE_NEWER: Said(
        "install the newer emeth-tui again that the message names, or go back to the copy from before the "
        "upgrade, for which it names the command. A service is not started anew",
        "データベースが新しいバージョンのもの",
        "メッセージが示す新しい emeth-tui を入れ直すか、メッセージが示すコマンドで更新前の控えに戻してくだ"
        "さい。サービスは起動し直しません",
    ),
    ExitCode.DOCTOR_WARNING: Said(
        "each finding has its remedy on the line below it",
        "`emeth-tui doctor`: 最も重い結果が警告",
        "各結果の下の行に対処があります",
    ),
    ExitCode.DOCTOR_ERROR: Said(
        "each finding has its remedy on the line below it",
        "`emeth-tui doctor`: 最も重い結果がエラー",
        "各結果の下の行に対処があります",
    ),
    ExitCode.NOT_RUNNING: Said(
        "start the node, or say which one by `--config` or `--state-dir` before the command",
        "動いているノードが必要だが、ここにはない",
        "ノードを起動するか、コマンドの前の `--config` か `--state-dir` でどのノードかを指定してください",
    ),
    ExitCode.NO_SUCH_JOB: Said(
        "`emeth-tui jobs` and `emeth-tui market` show the ids; type more of it",
        "その ID のジョブがない、または複数ある",
        "ID は `emeth-tui jobs` と `emeth-tui market` に出ます。もっと長く入力してください",
    ),
    ExitCode.REFUSED: Said(
        "the message says why; mend that first, then give the command again",
        "頼んだことを、ノードは今しない",
        "理由はメッセージにあります。それを直してから、もう一度実行してください",
    ),
    ExitCode.NOT_CONFIRMED: Said(
        "answer the question on a terminal, or give `--yes`",
        "費用のかかることが確認されなかった",
        "端末で質問に答えるか、`--yes` を付けてください",
    ),
    ExitCode.NOT_VERIFIED: Said(
        "`emeth-tui requests` shows how it ended; request it again",
        "依頼したジョブが検証されずに終わった",
        "どう終わったかは `emeth-tui requests` に出ます。もう一度依頼してください",
    ),
    ExitCode.SERVING: Said(
        "the message names what is wrong: a package, a port, a file or an account",
        "ネットワークのコントラクトまたはサービスを用意できない",
        "パッケージ、ポート、ファイル、アカウントのうち、何が悪いかはメッセージにあります",
    ),
    ExitCode.UPDATE_AVAILABLE: Said(
        "upgrade as you installed it: stop the node, upgrade, start it; jobs go on",
        "`emeth-tui version --check-update`: 新しい版がある",
        "インストールした方法で更新してください。ノードを止め、更新し、起動すれば、ジョブは続きから再開します",
    ),
    ExitCode.PYTHON: Said(
        "with pyenv on Debian: `sudo apt install libsqlite3-dev libffi-dev libssl-dev libbz2-dev "
        "liblzma-dev`, then `pyenv install --force VERSION` and install emeth-tui anew",
        "Python に標準モジュールが欠けている",
        "Debian の pyenv なら `sudo apt install libsqlite3-dev libffi-dev libssl-dev libbz2-dev "
        "liblzma-dev` のあと `pyenv install --force VERSION` を実行し、emeth-tui を入れ直してください",
    ),
    ExitCode.REQUESTED_ALREADY: Said(
        "`emeth-tui requests watch ID` follows that job; `--again` requests and pays for another",
        "`request`: 同じ条件ですでに依頼してある",
        "`emeth-tui requests watch ID` でそのジョブを追えます。`--again` を付けると、もう一つ依頼して"
        "支払います",
    ),
    ExitCode.INTERRUPTED: Said(
        "start again: every job under way is saved and goes on",
        "`--exit-after-jobs` に達する前に止められた",
        "もう一度起動してください。進行中のジョブは保存されていて、続きから再開します",
    ),
}
