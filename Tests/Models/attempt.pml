/* One payment, two attempts, two leaders: the protocol of attempt, outbox and reversal.
 *
 *   leader ── commit "attempt" ──▶ log          the leader of term 1 may be deposed at any moment,
 *      │                            │           and act on without knowing
 *      └─ ask ─▶ link's owner       └──▶ leader of term 2: what is pending is unknown; it reverses
 *                   │ check sendBy
 *                   │ (pause)
 *                   └ write ─▶ network ─▶ host: approves or declines once; reverses; captures
 *
 * The second attempt goes elsewhere: another card, perhaps another acquirer. The host below is any
 * number of hosts, as no attempt shares anything with another there.
 *
 * What is promised
 *   heldTwice          no two attempts hold or have taken money at the same moment
 *   countedTwice       at most one attempt counts for us
 *   begunTooSoon       no second attempt begins before the first is resolved to nothing
 *   sentUncommitted    an attempt is in the log before its first byte leaves
 *   countedLate        an approval that comes after we gave up never makes the payment succeed
 *   undoneCapture      what is captured is never reversed, and what is reversed never captured
 *   leftOpen           in the end no attempt is unknown, and no effect unacknowledged
 *   leftHeld           in the end every hold is captured by us, or reversed
 * and, where a host forgets and time has no bounds (SETTLED), in place of heldTwice and leftHeld
 *   leftUnlisted       in the end a hold that we do not count belongs to an attempt that we have as
 *                      reversed: the settlement file shows it as a break ("reversed here, captured
 *                      there"), and people give it back
 *
 * "In the end" needs no temporal formula: every run of the model ends, as every repetition spends
 * a budget, and `Audit` looks when nothing can happen any more. The formulas at the end of the
 * file say the same of each moment, and are checked under weak fairness.
 *
 * What is assumed
 *   1. The log is one: only the leader of the newest term commits, decisions are made on the
 *      newest committed state, and a commit is one step. (Raft, the term and the base versions;
 *      other models and tests are about those.)
 *   2. Leaders and owners may stop anywhere for any time. Without ANY_DELAY, a request that was
 *      checked against sendBy arrives at the host within LATENCY ticks, or never: pause between
 *      check and write, plus the way, plus what clocks differ. The quiet period is no shorter.
 *   3. A session delivers in the order of writing. Between sessions there is no order: what was
 *      written before a reconnect, or by another node, may come later than what followed.
 *   4. Anything may be lost: requests and answers always, effects and their acknowledgements
 *      LOSSES times, so that an outbox that repeats gets through in the end (fair loss).
 *   5. A process that can act for ever acts at some time (weak fairness); the merchant captures or
 *      cancels a hold at some time (or it expires, which is a cancel); the new leader stays.
 *   6. A host decides a request once, keeps the answer, and applies an advice once. A reversal
 *      that finds no original is remembered as a tombstone, or, with FORGETS, acknowledged and
 *      forgotten. A host that refuses such a reversal is the same to us.
 *
 * Not in the model: amounts (mismatched and partial answers are unknown outcomes), refunds,
 * increments, partial captures, a third leader.
 *
 * Variants, by macros: FORGETS, ANY_DELAY, SETTLED as above; what must fail: NO_QUIET_PERIOD,
 * NO_SEND_BY, EARLY_FAILOVER, COUNTS_LATE, SENDS_FIRST, GIVES_UP, STOPS_RECOVERING; what must be
 * found, or the model says little: WITNESS_LATE, WITNESS_TOMBSTONE, WITNESS_SECOND. `run`, beside
 * this file, runs them all.
 */

#define SEND_WITHIN 2  /* ticks from the decision to sendBy */
#define LATENCY     2  /* ticks from the check to the host, at most */
#define LOSSES      2  /* of effects and acknowledgements */
#define REPEATS     2  /* of effects that need none, also by a deposed leader */

#ifdef NO_QUIET_PERIOD
#define QUIET 0
#else
#define QUIET LATENCY
#endif

/* ---- The log: what a quorum has. Terms are the leaders' names, 1 and 2. ---- */

mtype:status = { none, pending, declined, notSent, authorized, captured, voided,
                 reversing, reversed };
mtype:effect = { absent, open, done };

byte term = 1;
mtype:status status[2] = none;
/* Two for each attempt a: 2a undoes or captures it, 2a+1 undoes what was approved late. */
mtype:effect effect[4] = absent;

#define resolvedToNothing(a) \
    (status[a] == declined || status[a] == notSent || status[a] == reversed)
#define counts(a)   (status[a] == authorized || status[a] == captured)
#define isUnknown(a) (status[a] == pending || status[a] == reversing)

/* ---- Requests, and who knows what of them ---- */

/* due: committed, the leader is to ask; refused: by the owner, provably not written */
mtype:request = { unborn, due, asked, checked, refused, onWire, arrived, gone };
mtype:answer = { silence, yes, no };

mtype:request request[2] = unborn;
mtype:answer answer[2] = silence;  /* under way to the node that asked */
byte by[2];                        /* the leader that began the attempt */
bool sameSession[2];               /* the session in which the request was written still stands */
byte age[2];                       /* ticks since the decision, up to the end of the quiet period */
byte left[2];                      /* ticks in which a checked request may still arrive */

/* ---- Effects on the wire ---- */

#ifdef GIVES_UP
bool sent[4];    /* was written at least once */
#endif
bool flying[4];  /* a copy is under way */
bool behind[4];  /* that copy follows its request in the same session */
bool acked[4];   /* an acknowledgement is under way */
byte losses = LOSSES;
byte repeats = REPEATS;

/* ---- The host ---- */

mtype:hold = { nothing, held, taken, released, denied, tombstone };
mtype:hold host[2] = nothing;
bool applied[4];  /* the host remembers this advice, and answers a repeat from memory */

#define hasMoney(a) (host[a] == held || host[a] == taken)

/* ---- Promises broken: a name for each, so that a failure says which ---- */

bool heldTwice, countedTwice, begunTooSoon, sentUncommitted, countedLate, undoneCapture,
     leftOpen, leftHeld, leftUnlisted, witness;

inline promise(isBroken, condition) {
    isBroken = !(condition);
    assert(!isBroken)
}

/* ---- What must be found: each is promised not to happen, and has to fail ---- */

#ifdef WITNESS_LATE
#define WITNESSED_LATE false
#else
#define WITNESSED_LATE true
#endif

#ifdef WITNESS_TOMBSTONE
#define WITNESSED_TOMBSTONE false
#else
#define WITNESSED_TOMBSTONE true
#endif

/* A second attempt is approved, after the first was approved too, and given back, and after that
 * its approval came late. */
#ifdef WITNESS_SECOND
#define WITNESSED_SECOND(a) !(a == 1 && host[0] == released && effect[1] == done)
#else
#define WITNESSED_SECOND(a) true
#endif

/* ---- The leader ---- */

#define isLeading (term == me)

#ifdef EARLY_FAILOVER
#define mayFollow(a) (resolvedToNothing(a) || status[a] == reversing)
#else
#define mayFollow(a) resolvedToNothing(a)
#endif

/* Nothing that was written for attempt a can still arrive behind what node `me` writes now. A
 * request that came to its end is taken as quiet at once: to wait longer changes nothing. */
#define isOver(a)  (request[a] == refused || request[a] == arrived || request[a] == gone)
#define isQuiet(a) (isOver(a) || age[a] >= SEND_WITHIN + QUIET)
#define mayUndo(a) (isQuiet(a) || (by[a] == me && sameSession[a]))

#ifdef GIVES_UP
#define maySend(k) (!sent[k])
#else
#define maySend(k) (!flying[k] && !acked[k])
#endif

/* The end of a request's way: what was kept for it is forgotten. */
inline end(a, way) {
    request[a] = way;
    sameSession[a] = false;
    age[a] = 0;
    left[a] = 0
}

inline begin(a) {
    status[a] = pending;
    by[a] = me;
    request[a] = due
#ifndef EARLY_FAILOVER
    ; promise(begunTooSoon, a == 0 || resolvedToNothing(0))
#endif
}

inline approve(a) {
    promise(countedLate, status[a] == pending);
    status[a] = authorized;
    promise(countedTwice, !(counts(0) && counts(1)))
}

/* The outcome is unknown, and is made to be nothing. */
inline lose(a) {
    status[a] = reversing;
    effect[2 * a] = open
}

inline approvedLate(a) {
#ifdef COUNTS_LATE
    approve(a)
#else
    effect[2 * a + 1] = open;
    promise(witness, WITNESSED_LATE)
#endif
}

inline writeEffect(k, a) {
#ifdef GIVES_UP
    sent[k] = true;
#endif
    flying[k] = true;
    behind[k] = by[a] == me && sameSession[a]
}

/* The host took note. */
inline acknowledge(k, a) {
    effect[k] = done;
    acked[k] = false;
    if
    :: status[a] == reversing -> status[a] = reversed
    :: else
    fi
}

/* What a leader does about attempt a; each line is one step, and a commit only if it leads. */
#define ATTEMPT_STEPS(a) \
    :: atomic { request[a] == due && by[a] == me -> request[a] = asked } \
    :: atomic { request[a] == due && by[a] == me && !isLeading -> end(a, gone) } \
    :: atomic { isLeading && by[a] == me && status[a] == pending && request[a] == refused \
         -> status[a] = notSent } \
    :: atomic { isLeading && by[a] == me && status[a] == pending && answer[a] == yes \
         -> answer[a] = silence; approve(a) } \
    :: atomic { isLeading && by[a] == me && status[a] == pending && answer[a] == no \
         -> answer[a] = silence; status[a] = declined } \
    /* No answer in time, or the link is lost: at any time after the request was handed over. */ \
    :: atomic { isLeading && by[a] == me && status[a] == pending && request[a] != unborn \
         && request[a] != due && request[a] != refused -> lose(a) } \
    :: atomic { isLeading && by[a] == me && answer[a] == yes \
         && (status[a] == reversing || status[a] == reversed) \
         -> answer[a] = silence; approvedLate(a) } \
    :: atomic { by[a] == me && answer[a] == no && status[a] != pending -> answer[a] = silence } \
    /* The merchant's word on a hold. */ \
    :: atomic { isLeading && status[a] == authorized \
         -> status[a] = captured; effect[2 * a] = open } \
    :: atomic { isLeading && status[a] == authorized \
         -> status[a] = voided; effect[2 * a] = open }

/* The outbox: effect k of attempt a. A repeat that is not needed costs nothing but a message, and
 * a deposed leader, which does not know better, may send it too. */
#define EFFECT_STEPS(k, a) \
    :: atomic { isLeading && effect[k] == open && maySend(k) && mayUndo(a) -> writeEffect(k, a) } \
    :: atomic { repeats > 0 && effect[k] != absent && !flying[k] && mayUndo(a) \
         -> repeats--; writeEffect(k, a) } \
    :: atomic { isLeading && effect[k] == open && acked[k] -> acknowledge(k, a) }

proctype Leader(byte me) {
endFollower:
    atomic {
        isLeading;
#ifndef STOPS_RECOVERING
        /* Found pending when the term begins: perhaps sent, so never sent again. */
        if :: status[0] == pending -> lose(0) :: else fi;
        if :: status[1] == pending -> lose(1) :: else fi
#endif
    }
endServing:
    do
#ifdef SENDS_FIRST
    :: atomic { isLeading && request[0] == unborn -> by[0] = me; request[0] = asked }
    :: atomic { isLeading && request[0] != unborn && status[0] == none -> status[0] = pending }
#else
    :: atomic { isLeading && status[0] == none -> begin(0) }
#endif
    :: atomic { isLeading && mayFollow(0) && status[1] == none -> begin(1) }
    ATTEMPT_STEPS(0)
    ATTEMPT_STEPS(1)
    EFFECT_STEPS(0, 0)
    EFFECT_STEPS(1, 0)
    EFFECT_STEPS(2, 1)
    EFFECT_STEPS(3, 1)
    od
}

/* At any moment, or never. */
proctype Election() {
    if
    :: term = 2
    :: skip
    fi
}

/* ---- The link's owner ---- */

#ifdef NO_SEND_BY
#define mayWrite(a) true
#else
#define mayWrite(a) (age[a] < SEND_WITHIN)
#endif

inline write(a) {
    promise(sentUncommitted, status[a] != none);
    request[a] = onWire;
    sameSession[a] = true
}

/* Between check and write the owner may be paused, and at each step its node may end. */
#define OWNER_STEPS(a) \
    :: atomic { request[a] == asked && mayWrite(a) -> request[a] = checked; left[a] = LATENCY } \
    :: atomic { request[a] == asked && !mayWrite(a) -> end(a, refused) } \
    :: atomic { request[a] == checked -> write(a) } \
    :: atomic { request[a] == asked || request[a] == checked -> end(a, gone) }

proctype Owner() {
endIdle:
    do
    OWNER_STEPS(0)
    OWNER_STEPS(1)
    od
}

/* ---- The network, and the host at its end ---- */

inline decideRequest(a) {
    end(a, arrived);
    if
    :: host[a] == nothing ->
        host[a] = held;
        answer[a] = yes;
#ifndef SETTLED
        promise(heldTwice, !(hasMoney(0) && hasMoney(1)));
#endif
        promise(witness, WITNESSED_SECOND(a))
    :: host[a] == nothing -> host[a] = denied; answer[a] = no
    :: host[a] == tombstone -> answer[a] = no; promise(witness, WITNESSED_TOMBSTONE)
    fi
}

inline applyEffect(k, a) {
    flying[k] = false;
    behind[k] = false;
    acked[k] = effect[k] == open;  /* nobody waits for another */
    if
    :: applied[k]
    :: else ->
        applied[k] = true;
        if
        :: k == 2 * a && status[a] == captured ->
            promise(undoneCapture, host[a] == held);
            host[a] = taken
        :: else ->
            promise(undoneCapture, host[a] != taken);
            if
            :: host[a] == held -> host[a] = released
#ifdef FORGETS
            :: host[a] == nothing -> applied[k] = false
#else
            :: host[a] == nothing -> host[a] = tombstone
#endif
            :: else
            fi
        fi
    fi
}

#define REQUEST_WAYS(a) \
    :: atomic { request[a] == onWire -> decideRequest(a) } \
    :: atomic { request[a] == onWire -> end(a, gone) } \
    :: atomic { answer[a] != silence -> answer[a] = silence } \
    :: atomic { sameSession[a] -> sameSession[a] = false }

#define EFFECT_WAYS(k, a) \
    :: atomic { flying[k] && !(behind[k] && request[a] == onWire) -> applyEffect(k, a) } \
    :: atomic { flying[k] && losses > 0 -> losses--; flying[k] = false; behind[k] = false } \
    :: atomic { acked[k] && losses > 0 -> losses--; acked[k] = false }

proctype Network() {
endQuiet:
    do
    REQUEST_WAYS(0)
    REQUEST_WAYS(1)
    EFFECT_WAYS(0, 0)
    EFFECT_WAYS(1, 0)
    EFFECT_WAYS(2, 1)
    EFFECT_WAYS(3, 1)
    od
}

/* ---- Time ---- */

#define isUnderWay(a) (request[a] == checked || request[a] == onWire)

/* Assumption 2: time does not pass a request by that has to arrive. */
#ifdef ANY_DELAY
#define isOverdue(a) false
#else
#define isOverdue(a) (isUnderWay(a) && left[a] == 0)
#endif

#define isAging(a) (request[a] != unborn && !isQuiet(a))

inline grow(a) {
    if :: isAging(a) -> age[a]++ :: else fi;
    if :: isUnderWay(a) && left[a] > 0 -> left[a]-- :: else fi
}

#define isTimePassing(a) (isAging(a) || (isUnderWay(a) && left[a] > 0))

proctype Clock() {
endStill:
    do
    :: atomic { (isTimePassing(0) || isTimePassing(1)) && !isOverdue(0) && !isOverdue(1)
         -> grow(0); grow(1) }
    od
}

/* ---- When nothing can happen any more ---- */

#define isSettled(a) (host[a] != held || status[a] == reversed)

proctype Audit() {
    atomic {
        timeout;
        promise(leftOpen, !isUnknown(0) && !isUnknown(1) && effect[0] != open
            && effect[1] != open && effect[2] != open && effect[3] != open);
#ifdef SETTLED
        promise(leftUnlisted, isSettled(0) && isSettled(1))
#else
        promise(leftHeld, host[0] != held && host[1] != held)
#endif
    }
}

init {
    atomic {
        run Leader(1);
        run Leader(2);
        run Election();
        run Owner();
        run Network();
        run Clock();
        run Audit()
    }
}

/* ---- The same as formulas ---- */

/* Nothing is processing for ever. */
ltl unknownEnds { [] (isUnknown(0) -> <> !isUnknown(0)) && [] (isUnknown(1) -> <> !isUnknown(1)) }

/* A hold ends as ours or as nobody's. */
ltl holdEnds { [] (host[0] == held -> <> (host[0] != held))
            && [] (host[1] == held -> <> (host[1] != held)) }

/* No second attempt while the first is unknown; and what was made to be nothing stays nothing. */
ltl oneAtATime { [] (status[1] != none -> !isUnknown(0))
              && [] (status[0] == reversed -> [] !counts(0)) }
