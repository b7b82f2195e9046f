// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @dev What the tests need of an Emeth network that pays as the published source does, and not as its rules do
///      (docs/protocol.md, §2 and §3). The constructors are those of EmethCore and EmethToken, so that a devnet
///      is deployed with either.
///
///      - `verify` keeps the deposit; it reverts when the fee is below the verifier's.
///      - `rejectResult` gives the requester the fee and the verifier nothing.
///      - Penalties stay here. There is no Penalty event, and `verifiedAt` is never set.
///      - `request`, `process` and `timeout` look at neither fee nor deadline.
///      - There is neither `jobAssignedCount` nor `jobAssignedHistory`.
contract PublishedCore {
    uint256 private constant RATE_BASE = 100_000;

    struct Params {
        uint256 depositRate;
        uint256 timeoutPenaltyRate;
        uint256 declinePenaltyRate;
        uint256 failedPenaltyRate;
        uint256 verifierFee;
        uint256 maxSlotGasPerNode;
        uint256 firstSlotReward; // not looked at: its own is fixed
    }

    struct Job {
        bool exist;
        bytes16 jobId;
        address owner;
        uint256 deadline;
        uint256 fee;
        uint256 status;
        uint256 requestedAt;
    }

    struct JobDetail {
        uint256 programId;
        string param;
        string dataset;
        string result;
    }

    struct JobAssign {
        address node;
        uint256 deposit;
        uint256 gas;
        uint256 startedAt;
        uint256 submittedAt;
        uint256 verifiedAt;
    }

    struct Slot {
        uint256 totalGas;
        uint256 totalReward;
    }

    uint256 public immutable DEPOSIT_RATE;
    uint256 public immutable TIMEOUT_PENALTY_RATE;
    uint256 public immutable DECLINE_PENALTY_RATE;
    uint256 public immutable FAILED_PENALTY_RATE;
    uint256 public immutable VERIFIER_FEE;
    uint256 public immutable MAX_SLOT_GAS_PER_NODE;
    PublishedToken public immutable emtToken;
    uint256 public immutable startSlot;
    address public immutable verifier;

    bytes16[] public jobIndexes;
    mapping(bytes16 => Job) public jobs;
    mapping(bytes16 => JobDetail) public jobDetails;
    mapping(bytes16 => JobAssign) public jobAssigns;
    mapping(uint256 => Slot) public slots;
    mapping(uint256 => mapping(address => uint256)) public slotGas;
    mapping(uint256 => mapping(address => uint256)) public slotBalances;
    mapping(address => uint256[]) public nodeSlots;
    mapping(address => mapping(uint256 => bool)) public nodeSlotUnique;

    event Request(address indexed owner, bytes16 indexed jobId, uint256 fee, uint256 deadline);
    event Status(bytes16 indexed jobId, address nodeAddress, uint256 status);
    event Cancel(bytes16 indexed jobId);
    event Reward(address indexed nodeAddress, uint256 slot, uint256 gas);

    constructor(address emtToken_, address verifier_, Params memory params) {
        emtToken = PublishedToken(emtToken_);
        verifier = verifier_;
        startSlot = currentSlot();
        DEPOSIT_RATE = params.depositRate;
        TIMEOUT_PENALTY_RATE = params.timeoutPenaltyRate;
        DECLINE_PENALTY_RATE = params.declinePenaltyRate;
        FAILED_PENALTY_RATE = params.failedPenaltyRate;
        VERIFIER_FEE = params.verifierFee;
        MAX_SLOT_GAS_PER_NODE = params.maxSlotGasPerNode;
    }

    function request(
        bytes16 jobId,
        uint256 programId,
        string calldata dataset,
        string calldata param,
        uint256 fee,
        uint256 deadline
    ) external returns (bool) {
        require(!jobs[jobId].exist, "job exists");
        jobs[jobId] = Job(true, jobId, msg.sender, deadline, fee, 0, block.timestamp);
        jobDetails[jobId] = JobDetail(programId, param, dataset, "");
        jobIndexes.push(jobId);
        require(emtToken.transferFrom(msg.sender, address(this), fee), "fee not paid");
        emit Request(msg.sender, jobId, fee, deadline);
        return true;
    }

    function cancel(bytes16 jobId) external returns (bool) {
        Job storage job = _move(jobId, 0, 6);
        require(msg.sender == job.owner, "not the requester");
        emit Cancel(jobId);
        return emtToken.transfer(job.owner, job.fee);
    }

    function process(bytes16 jobId) external returns (bool) {
        Job storage job = _move(jobId, 0, 2);
        uint256 deposit = job.fee * DEPOSIT_RATE / RATE_BASE;
        jobAssigns[jobId] = JobAssign(msg.sender, deposit, 0, block.timestamp, 0, 0);
        require(emtToken.transferFrom(msg.sender, address(this), deposit), "deposit not paid");
        emit Status(jobId, msg.sender, 2);
        return true;
    }

    function submit(bytes16 jobId, string calldata result) external returns (bool) {
        _move(jobId, 2, 3);
        require(msg.sender == jobAssigns[jobId].node, "not the node");
        jobAssigns[jobId].submittedAt = block.timestamp;
        jobDetails[jobId].result = result;
        emit Status(jobId, msg.sender, 3);
        return true;
    }

    function decline(bytes16 jobId) external returns (bool) {
        require(msg.sender == jobAssigns[jobId].node, "not the node");
        return _fail(jobId, 2, 9, DECLINE_PENALTY_RATE);
    }

    function timeout(bytes16 jobId) external returns (bool) {
        require(msg.sender == verifier, "not the verifier");
        return _fail(jobId, 2, 7, TIMEOUT_PENALTY_RATE);
    }

    function rejectResult(bytes16 jobId) external returns (bool) {
        require(msg.sender == verifier, "not the verifier");
        return _fail(jobId, 3, 8, FAILED_PENALTY_RATE);
    }

    /// @dev The deposit stays here.
    function verify(bytes16 jobId, uint256 gas) external returns (bool) {
        require(msg.sender == verifier, "not the verifier");
        Job storage job = _move(jobId, 3, 4);
        JobAssign storage assign = jobAssigns[jobId];
        uint256 slot = currentSlot();
        assign.gas = _credit(slot, assign.node, gas);
        require(emtToken.transfer(assign.node, job.fee - VERIFIER_FEE), "node not paid");
        require(emtToken.transfer(msg.sender, VERIFIER_FEE), "verifier not paid");
        emit Status(jobId, assign.node, 4);
        emit Reward(assign.node, slot, assign.gas);
        return true;
    }

    function withdrawSlotReward(uint256 slot) external returns (bool) {
        require(slot < currentSlot(), "slot is not closed");
        uint256 balance = slotBalances[slot][msg.sender];
        require(balance > 0, "nothing to withdraw");
        slotBalances[slot][msg.sender] = 0;
        return emtToken.mint(msg.sender, slots[slot].totalReward * balance / slots[slot].totalGas);
    }

    function currentSlot() public view returns (uint256) {
        return block.timestamp / 1 days;
    }

    function currentSlotReward() public view returns (uint256) {
        uint256 age = currentSlot() - startSlot;
        return age < 20 * 365 ? 288_000 ether - 14_400 ether * age / 365 : 0;
    }

    function nodeSlotCount(address node) external view returns (uint256) {
        return nodeSlots[node].length;
    }

    function getEstimatedGas(uint256 datasetSizeMB, uint256 algorithmComplexity) external pure returns (uint256) {
        return datasetSizeMB * algorithmComplexity / 1000;
    }

    function _move(bytes16 jobId, uint256 from, uint256 to) private returns (Job storage job) {
        job = jobs[jobId];
        require(job.exist && job.status == from, "wrong status");
        job.status = to;
    }

    /// @dev The penalty stays here, and the verifier gets nothing.
    function _fail(bytes16 jobId, uint256 from, uint256 to, uint256 penaltyRate) private returns (bool) {
        Job storage job = _move(jobId, from, to);
        JobAssign storage assign = jobAssigns[jobId];
        uint256 penalty = assign.deposit * penaltyRate / RATE_BASE;
        require(emtToken.transfer(job.owner, job.fee), "requester not paid");
        require(emtToken.transfer(assign.node, assign.deposit - penalty), "node not paid");
        emit Status(jobId, assign.node, to);
        return true;
    }

    function _credit(uint256 slot, address node, uint256 gas) private returns (uint256 credited) {
        uint256 room = MAX_SLOT_GAS_PER_NODE - slotGas[slot][node];
        credited = gas < room ? gas : room;
        if (slots[slot].totalGas == 0) slots[slot].totalReward = currentSlotReward();
        slots[slot].totalGas += credited;
        slotGas[slot][node] += credited;
        slotBalances[slot][node] += credited;
        if (!nodeSlotUnique[node][slot]) {
            nodeSlotUnique[node][slot] = true;
            nodeSlots[node].push(slot);
        }
    }
}

/// @dev EMT whose `mint` emits no Transfer.
contract PublishedToken {
    string public constant name = "Emeth Token";
    string public constant symbol = "EMT";
    uint8 public constant decimals = 18;

    uint256 public totalSupply;
    address public immutable owner;
    address public minter;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    constructor(uint256 initialSupply) {
        owner = msg.sender;
        totalSupply = initialSupply;
        balanceOf[msg.sender] = initialSupply;
        emit Transfer(address(0), msg.sender, initialSupply);
    }

    function setMinter(address newMinter) external returns (bool) {
        require(msg.sender == owner, "not the owner");
        minter = newMinter;
        return true;
    }

    function mint(address to, uint256 value) external returns (bool) {
        require(msg.sender == minter, "not the minter");
        totalSupply += value;
        balanceOf[to] += value;
        return true;
    }

    function burn(uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        totalSupply -= value;
        emit Transfer(msg.sender, address(0), value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _transfer(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (allowance[from][msg.sender] != type(uint256).max) allowance[from][msg.sender] -= value;
        return _transfer(from, to, value);
    }

    function _transfer(address from, address to, uint256 value) private returns (bool) {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
        return true;
    }
}
