// Compiles the contracts with the solc that package-lock.json pins, and writes what the Python side reads.
//
//   node build.mjs           writes the output
//   node build.mjs --check   writes nothing; exit code 1 when the committed output is not what the sources give
//
// The same sources give the same bytes on every machine: the compiler is pinned, its settings are below, paths
// inside the compiler's input are relative, and no metadata hash (which covers comments too) ends the bytecode.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const repository = dirname(here);

// Source file -> the folder that its contracts' output goes to.
const targets = {
  "EmethCore.sol": "emeth_tui/protocol/abi",
  "EmethToken.sol": "emeth_tui/protocol/abi",
  "test/HostileTokens.sol": "tests/contracts/abi",
  "test/PublishedContracts.sol": "tests/contracts/abi",
};

const settings = {
  // The oldest target that this compiler supports. The al+ testnet is of 2022 and names no fork; newer targets
  // emit opcodes that such a chain lacks (PUSH0 from Shanghai, MCOPY from Cancun). What comes out here runs on
  // Istanbul (2019) too, for the sources use no BASEFEE: a test deploys it there.
  evmVersion: "london",
  optimizer: { enabled: true, runs: 1000 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
};

function compile() {
  const sources = {};
  for (const name of Object.keys(targets)) {
    sources[name] = { content: readFileSync(join(here, name), "utf8") };
  }
  const outputSelection = { "*": { "*": ["abi", "evm.bytecode.object"] } };
  const input = { language: "Solidity", sources, settings: { ...settings, outputSelection } };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  // Warnings stop the build as errors do.
  for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
  if (output.errors?.length) process.exit(1);
  return { sources, output };
}

function artifacts() {
  const { sources, output } = compile();
  const files = {};
  for (const [name, folder] of Object.entries(targets)) {
    const sourceSha256 = createHash("sha256").update(sources[name].content).digest("hex");
    for (const [contractName, contract] of Object.entries(output.contracts[name])) {
      const artifact = {
        contractName,
        source: `contracts/${name}`,
        sourceSha256,
        compiler: { name: "solc", version: solc.version(), settings },
        abi: contract.abi,
        bytecode: `0x${contract.evm.bytecode.object}`,
      };
      files[join(repository, folder, `${contractName}.json`)] = `${JSON.stringify(artifact, null, 1)}\n`;
    }
  }
  return files;
}

function readOrNull(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

const checkOnly = process.argv.includes("--check");
let stale = 0;
for (const [path, text] of Object.entries(artifacts())) {
  const shown = relative(repository, path);
  if (readOrNull(path) === text) {
    console.log(`${shown}: up to date`);
  } else if (checkOnly) {
    stale += 1;
    console.error(`${shown}: differs from what the sources give; run: npm run build`);
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`${shown}: written`);
  }
}
process.exit(stale ? 1 : 0);
