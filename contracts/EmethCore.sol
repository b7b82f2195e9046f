// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title EmethCore: jobs, deposits and slot rewards of an Emeth network
/// @notice A requester escrows a fee, a node escrows a deposit and works, a verifier judges. EMT leaves the
///         escrow in four ways only: to the requester, to the node, to the verifier, or burnt as a penalty.
///         Penalties are burnt so that nobody, the verifier least of all, earns by failing a node.
/// @dev    Every state change comes before the token is called, and a guard bars the way back in. The token is
///         not trusted: a call that fails, returns false or moves another amount than asked reverts everything.
contract EmethCore {
    uint256 private constant REQUESTED = 0;
    // 1 (ASSIGNED) and 5 (REJECTED) belong to the network's numbering and are not used.
    uint256 private constant PROCESSING = 2;
    uint256 private constant SUBMITTED = 3;
    uint256 private constant VERIFIED = 4;
    uint256 private constant CANCELED = 6;
    uint256 private constant TIMEOUT = 7;
    uint256 private constant FAILED = 8;
    uint256 private constant DECLINED = 9;

    uint256 private constant RATE_BASE = 100_000; // a rate of 100 %
    uint256 private constant REWARDED_YEARS = 20; // each year a 20th of the first reward is lost, day by day
    uint256 private constant MAX_FIRST_SLOT_REWARD = 2 ** 200; // sums of all days and shares stay far from overflow

    struct Params {
        uint256 depositRate;
        uint256 timeoutPenaltyRate;
        uint256 declinePenaltyRate;
        uint256 failedPenaltyRate;
        uint256 verifierFee;
        uint256 maxSlotGasPerNode;
        uint256 firstSlotReward;
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

    /// @dev `deposit` stays on record after it was paid back. `verifiedAt` is when the verifier decided,
    ///      either way. `gas` is what was credited to the slot.
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
    uint256 public immutable FIRST_SLOT_REWARD; // wei of EMT on the day of deployment
    address public immutable emtToken;
    uint256 public immutable startSlot;

    address public owner;
    address public verifier;

    bytes16[] public jobIndexes;
    mapping(bytes16 => Job) public jobs;
    mapping(bytes16 => JobDetail) public jobDetails;
    mapping(bytes16 => JobAssign) public jobAssigns;
    mapping(address => bytes16[]) public jobAssignedHistory;

    mapping(uint256 => Slot) public slots;
    mapping(uint256 => mapping(address => uint256)) public slotGas;
    mapping(uint256 => mapping(address => uint256)) public slotBalances;
    mapping(address => uint256[]) public nodeSlots;
    mapping(address => mapping(uint256 => bool)) public nodeSlotUnique;

    uint256 private entered = 1; // 2 while a mutating call runs

    event Request(address indexed owner, bytes16 indexed jobId, uint256 fee, uint256 deadline);
    event Status(bytes16 indexed jobId, address nodeAddress, uint256 status);
    event Cancel(bytes16 indexed jobId);
    event Reward(address indexed nodeAddress, uint256 slot, uint256 gas);
    event Penalty(address indexed nodeAddress, uint256 slashed);
    event VerifierChanged(address indexed verifier);

    modifier nonReentrant() {
        require(entered == 1, "EmethCore: reentrant call");
        entered = 2;
        _;
        entered = 1;
    }

    modifier onlyVerifier() {
        require(msg.sender == verifier, "EmethCore: caller is not the verifier");
        _;
    }

    constructor(address emtToken_, address verifier_, Params memory params) {
        require(emtToken_.code.length > 0, "EmethCore: token has no code");
        require(verifier_ != address(0), "EmethCore: zero address");
        require(
            params.timeoutPenaltyRate <= RATE_BASE && params.declinePenaltyRate <= RATE_BASE
                && params.failedPenaltyRate <= RATE_BASE,
            "EmethCore: penalty rate over 100 %"
        );
        require(params.firstSlotReward <= MAX_FIRST_SLOT_REWARD, "EmethCore: reward too high");
        owner = msg.sender;
        verifier = verifier_;
        emtToken = emtToken_;
        startSlot = block.timestamp / 1 days;
        DEPOSIT_RATE = params.depositRate;
        TIMEOUT_PENALTY_RATE = params.timeoutPenaltyRate;
        DECLINE_PENALTY_RATE = params.declinePenaltyRate;
        FAILED_PENALTY_RATE = params.failedPenaltyRate;
        VERIFIER_FEE = params.verifierFee;
        MAX_SLOT_GAS_PER_NODE = params.maxSlotGasPerNode;
        FIRST_SLOT_REWARD = params.firstSlotReward;
    }

    // ---- the network's operator

    /// @notice Without this a lost verifier key would lock every submitted job's escrow for good.
    function setVerifier(address newVerifier) external returns (bool) {
        require(msg.sender == owner, "EmethCore: caller is not the owner");
        require(newVerifier != address(0), "EmethCore: zero address");
        verifier = newVerifier;
        emit VerifierChanged(newVerifier);
        return true;
    }

    // ---- requesters

    /// @notice Posts a job and escrows its fee, which must at least pay the verifier.
    function request(
        bytes16 jobId,
        uint256 programId,
        string calldata dataset,
        string calldata param,
        uint256 fee,
        uint256 deadline
    ) external nonReentrant returns (bool) {
        require(!jobs[jobId].exist, "EmethCore: job exists");
        require(fee >= VERIFIER_FEE, "EmethCore: fee is below the verifier fee");
        jobs[jobId] = Job(true, jobId, msg.sender, deadline, fee, REQUESTED, block.timestamp);
        jobDetails[jobId] = JobDetail(programId, param, dataset, "");
        jobIndexes.push(jobId);
        emit Request(msg.sender, jobId, fee, deadline);
        _pull(msg.sender, fee);
        return true;
    }

    function cancel(bytes16 jobId) external nonReentrant returns (bool) {
        Job storage job = _jobIn(jobId, REQUESTED);
        require(msg.sender == job.owner, "EmethCore: caller is not the requester");
        job.status = CANCELED;
        emit Cancel(jobId);
        _push(job.owner, job.fee);
        return true;
    }

    // ---- nodes

    /// @notice Takes a job and escrows the deposit. Refused once the deadline has passed: the node could only lose.
    function process(bytes16 jobId) external nonReentrant returns (bool) {
        Job storage job = _jobIn(jobId, REQUESTED);
        require(block.timestamp <= job.deadline, "EmethCore: deadline has passed");
        uint256 deposit = job.fee * DEPOSIT_RATE / RATE_BASE;
        job.status = PROCESSING;
        jobAssigns[jobId] = JobAssign(msg.sender, deposit, 0, block.timestamp, 0, 0);
        jobAssignedHistory[msg.sender].push(jobId);
        emit Status(jobId, msg.sender, PROCESSING);
        _pull(msg.sender, deposit);
        return true;
    }

    /// @notice Delivers a result: late too, as long as the verifier has not ended the job.
    function submit(bytes16 jobId, string calldata result) external nonReentrant returns (bool) {
        Job storage job = _jobIn(jobId, PROCESSING);
        JobAssign storage assign = _assignOfCaller(jobId);
        job.status = SUBMITTED;
        assign.submittedAt = block.timestamp;
        jobDetails[jobId].result = result;
        emit Status(jobId, msg.sender, SUBMITTED);
        return true;
    }

    function decline(bytes16 jobId) external nonReentrant returns (bool) {
        Job storage job = _jobIn(jobId, PROCESSING);
        JobAssign storage assign = _assignOfCaller(jobId);
        job.status = DECLINED;
        emit Status(jobId, msg.sender, DECLINED);
        _refund(job, assign, 0, DECLINE_PENALTY_RATE);
        return true;
    }

    /// @notice Mints the caller's share of a closed slot's reward.
    function withdrawSlotReward(uint256 slot) external nonReentrant returns (bool) {
        require(slot < currentSlot(), "EmethCore: slot is not closed");
        uint256 balance = slotBalances[slot][msg.sender];
        require(balance > 0, "EmethCore: nothing to withdraw");
        slotBalances[slot][msg.sender] = 0;
        uint256 reward = slots[slot].totalReward * balance / slots[slot].totalGas;
        _callToken(abi.encodeWithSignature("mint(address,uint256)", msg.sender, reward));
        return true;
    }

    // ---- the verifier

    /// @notice Accepts a result: fee less verifier fee and the whole deposit to the node, gas to today's slot.
    function verify(bytes16 jobId, uint256 gas) external nonReentrant onlyVerifier returns (bool) {
        Job storage job = _jobIn(jobId, SUBMITTED);
        // Keeps totalReward * slotBalances far below 2**256 when rewards are computed.
        require(gas <= type(uint128).max, "EmethCore: gas out of range");
        JobAssign storage assign = jobAssigns[jobId];
        address node = assign.node;
        job.status = VERIFIED;
        assign.verifiedAt = block.timestamp;
        uint256 slot = currentSlot();
        assign.gas = _creditGas(slot, node, gas);
        emit Status(jobId, node, VERIFIED);
        emit Reward(node, slot, assign.gas);
        _push(node, assign.deposit + job.fee - VERIFIER_FEE);
        _push(msg.sender, VERIFIER_FEE);
        return true;
    }

    /// @notice Refuses a result. The verifier's fee comes out of the deposit before the penalty does, and both
    ///         stop where the deposit ends.
    function rejectResult(bytes16 jobId) external nonReentrant onlyVerifier returns (bool) {
        Job storage job = _jobIn(jobId, SUBMITTED);
        JobAssign storage assign = jobAssigns[jobId];
        job.status = FAILED;
        assign.verifiedAt = block.timestamp;
        emit Status(jobId, assign.node, FAILED);
        _refund(job, assign, VERIFIER_FEE, FAILED_PENALTY_RATE);
        return true;
    }

    function timeout(bytes16 jobId) external nonReentrant onlyVerifier returns (bool) {
        Job storage job = _jobIn(jobId, PROCESSING);
        require(block.timestamp > job.deadline, "EmethCore: deadline has not passed");
        JobAssign storage assign = jobAssigns[jobId];
        job.status = TIMEOUT;
        emit Status(jobId, assign.node, TIMEOUT);
        _refund(job, assign, 0, TIMEOUT_PENALTY_RATE);
        return true;
    }

    // ---- views

    /// @notice Today's slot: days since 1970, UTC.
    function currentSlot() public view returns (uint256) {
        return block.timestamp / 1 days;
    }

    /// @notice Wei of EMT that today's slot is worth.
    function currentSlotReward() external view returns (uint256) {
        return _rewardOf(currentSlot());
    }

    function nodeSlotCount(address node) external view returns (uint256) {
        return nodeSlots[node].length;
    }

    function jobAssignedCount(address node) external view returns (uint256) {
        return jobAssignedHistory[node].length;
    }

    function getEstimatedGas(uint256 datasetSizeMB, uint256 algorithmComplexity) external pure returns (uint256) {
        return datasetSizeMB * algorithmComplexity / 1000;
    }

    // ---- inside

    function _jobIn(bytes16 jobId, uint256 status) private view returns (Job storage job) {
        job = jobs[jobId];
        require(job.exist, "EmethCore: no such job");
        if (job.status == status) return job;
        if (status == REQUESTED) revert("EmethCore: job is not requested");
        if (status == PROCESSING) revert("EmethCore: job is not processing");
        revert("EmethCore: job is not submitted");
    }

    function _assignOfCaller(bytes16 jobId) private view returns (JobAssign storage assign) {
        assign = jobAssigns[jobId];
        require(msg.sender == assign.node, "EmethCore: caller is not the assigned node");
    }

    function _rewardOf(uint256 slot) private view returns (uint256) {
        uint256 age = slot - startSlot;
        if (age >= REWARDED_YEARS * 365) return 0;
        return FIRST_SLOT_REWARD - FIRST_SLOT_REWARD / REWARDED_YEARS * age / 365;
    }

    /// @dev The slot's reward is set with its first gas. Gas over the node's limit for the slot earns nothing.
    function _creditGas(uint256 slot, address node, uint256 gas) private returns (uint256 credited) {
        uint256 room = MAX_SLOT_GAS_PER_NODE - slotGas[slot][node];
        credited = gas < room ? gas : room;
        if (credited == 0) return 0;
        if (slots[slot].totalGas == 0) slots[slot].totalReward = _rewardOf(slot);
        slots[slot].totalGas += credited;
        slotGas[slot][node] += credited;
        slotBalances[slot][node] += credited;
        if (!nodeSlotUnique[node][slot]) {
            nodeSlotUnique[node][slot] = true;
            nodeSlots[node].push(slot);
        }
    }

    /// @dev Ends a job without success: fee to the requester; of the deposit, `verifierFee` to the verifier,
    ///      the penalty into the fire, the rest to the node.
    function _refund(Job storage job, JobAssign storage assign, uint256 verifierFee, uint256 penaltyRate) private {
        uint256 deposit = assign.deposit;
        if (verifierFee > deposit) verifierFee = deposit;
        uint256 penalty = deposit * penaltyRate / RATE_BASE;
        if (penalty > deposit - verifierFee) penalty = deposit - verifierFee;
        emit Penalty(assign.node, penalty);
        _push(job.owner, job.fee);
        _push(assign.node, deposit - verifierFee - penalty);
        _push(verifier, verifierFee);
        if (penalty > 0) _callToken(abi.encodeWithSignature("burn(uint256)", penalty));
    }

    function _pull(address from, uint256 value) private {
        if (value == 0) return;
        uint256 before = _escrow();
        _callToken(abi.encodeWithSignature("transferFrom(address,address,uint256)", from, address(this), value));
        require(_escrow() == before + value, "EmethCore: token moved a wrong amount");
    }

    function _push(address to, uint256 value) private {
        if (value == 0) return;
        uint256 before = _escrow();
        _callToken(abi.encodeWithSignature("transfer(address,uint256)", to, value));
        require(_escrow() + value == before, "EmethCore: token moved a wrong amount");
    }

    function _escrow() private view returns (uint256) {
        (bool success, bytes memory answer) =
            emtToken.staticcall(abi.encodeWithSignature("balanceOf(address)", address(this)));
        require(success && answer.length == 32, "EmethCore: token call failed");
        return abi.decode(answer, (uint256));
    }

    /// @dev Takes tokens that return nothing as well as those that return true; passes their revert reason on.
    function _callToken(bytes memory data) private {
        (bool success, bytes memory answer) = emtToken.call(data);
        if (!success && answer.length > 0) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
        bool agreed = answer.length == 0 || (answer.length == 32 && uint256(bytes32(answer)) == 1);
        require(success && agreed, "EmethCore: token call failed");
    }
}
