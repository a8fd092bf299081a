// SPDX-License-Identifier: Apache-2.0
//
// An enclave for tests of the host: speaks the boundary's protocol, does no cryptography, and does
// what a test tells it to. Deterministic: every output comes out during the call that causes it,
// unless a test holds it back.
package dev.svr2.host;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.EnclaveHandle;
import dev.svr2.enclave.OutputHandler;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.proto.ChangeMembershipReply;
import dev.svr2.proto.ClientInput;
import dev.svr2.proto.ClientOutput;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Counter;
import dev.svr2.proto.CounterValue;
import dev.svr2.proto.CreateGroupReply;
import dev.svr2.proto.DeleteBackupReply;
import dev.svr2.proto.EnclaveItem;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.EnclaveToHostMessage;
import dev.svr2.proto.Error;
import dev.svr2.proto.ErrorCount;
import dev.svr2.proto.EvidenceReply;
import dev.svr2.proto.Gauge;
import dev.svr2.proto.GaugeValue;
import dev.svr2.proto.HashReply;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.HostToEnclaveMessage;
import dev.svr2.proto.JoinGroupReply;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.MetricsReply;
import dev.svr2.proto.NewClientReply;
import dev.svr2.proto.PeerOutput;
import dev.svr2.proto.PingPeerReply;
import dev.svr2.proto.RaftGroupConfig;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.RaiseMinimumsReply;
import dev.svr2.proto.RelinquishLeadershipReply;
import dev.svr2.proto.ResetPeerReply;
import dev.svr2.proto.SetLogLevelReply;
import dev.svr2.proto.StatusReply;
import dev.svr2.proto.Stopped;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;

/** Thread-safe. Settings are public, for tests to change before they matter. */
public final class FakeEnclave implements EnclaveHandle {
  /** A call that a test looks into; may block or throw. */
  @FunctionalInterface
  public interface Gate {
    void enter(HostToEnclaveMessage message) throws EnclaveException;
  }

  public static final ByteString HASH = ByteString.copyFromUtf8("a hash of thirty-two whole bytes");
  public static final ByteString HANDSHAKE_START = ByteString.copyFromUtf8("handshake start");

  /** Messages without ticks, in the order in which they came in. */
  public final Queue<HostToEnclaveMessage> messages = new ConcurrentLinkedQueue<>();

  public final AtomicInteger ticks = new AtomicInteger();
  public final AtomicInteger inside = new AtomicInteger();
  public final AtomicInteger mostInside = new AtomicInteger();
  public volatile LogLevel logLevel = LogLevel.LOG_LEVEL_UNSET;
  public volatile boolean closed;

  /** Called inside each call, before its items are handled. */
  public volatile Gate gate = message -> {};

  /** What a client gets for its item; echoes by default. */
  public volatile BiConsumer<FakeEnclave, ClientInput> onClient =
      (enclave, input) -> enclave.output(input.getClientId(), input.getData());

  /** The answer to requests, instead of the usual one, which null means. */
  public volatile Function<HostRequest, EnclaveReply.Builder> onRequest = request -> null;

  private static final AtomicInteger LAST_ID = new AtomicInteger();

  /** Another for each enclave, as with real ones. */
  public final ByteString peerId;

  /**
   * What the status says of the group; null for the usual: the only member once there is a group.
   */
  public volatile StatusReply.Builder groupStatus;

  private final OutputHandler output;
  private final int maxThreads;
  private final AtomicLong lastClientId = new AtomicLong(100);
  private volatile boolean hasGroup;
  private volatile boolean keepMessages = true;

  public FakeEnclave(OutputHandler output, int maxThreads) {
    this.output = output;
    this.maxThreads = maxThreads;
    this.peerId =
        ByteString.copyFrom(ByteBuffer.allocate(32).putInt(LAST_ID.incrementAndGet()).array());
  }

  /** A loader that keeps what it loads. */
  public static final class Loader implements EnclaveRuntime.Loader {
    public volatile FakeEnclave enclave;
    public final List<FakeEnclave> all = new CopyOnWriteArrayList<>();

    /** Called with each enclave before it is used. */
    public volatile Consumer<FakeEnclave> prepare = fresh -> {};

    private final boolean keepMessages;

    public Loader() {
      this(true);
    }

    /** Benchmarks do not keep the messages that they send. */
    public Loader(boolean keepMessages) {
      this.keepMessages = keepMessages;
    }

    @Override
    public EnclaveHandle load(OutputHandler output) {
      FakeEnclave fresh = new FakeEnclave(output, 4);
      fresh.keepMessages = keepMessages;
      prepare.accept(fresh);
      all.add(fresh);
      enclave = fresh;
      return fresh;
    }
  }

  @Override
  public byte[] init(byte[] enclaveConfig) {
    return peerId.toByteArray();
  }

  @Override
  public void input(byte[] bytes) throws EnclaveException {
    HostToEnclaveMessage message;
    try {
      message = HostToEnclaveMessage.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new EnclaveException(Error.ERROR_CORE_MALFORMED_MESSAGE);
    }
    mostInside.accumulateAndGet(inside.incrementAndGet(), Math::max);
    try {
      if (message.getItems(0).hasTick()) {
        ticks.incrementAndGet();
      } else if (keepMessages) {
        messages.add(message);
      }
      gate.enter(message);
      message.getItemsList().forEach(this::handle);
    } finally {
      inside.decrementAndGet();
    }
  }

  private void handle(HostItem item) {
    if (item.hasClient()) {
      onClient.accept(this, item.getClient());
    } else if (item.hasRequest()) {
      handleRequest(item.getRequest());
    }
  }

  private void handleRequest(HostRequest request) {
    EnclaveReply.Builder reply = onRequest.apply(request);
    if (reply == null) {
      reply = usualReply(request);
    }
    if (reply != NO_ANSWER) {
      output(EnclaveItem.newBuilder().setReply(reply.setId(request.getId())));
    }
  }

  /** For {@link #onRequest}: no answer at all. */
  public static final EnclaveReply.Builder NO_ANSWER = EnclaveReply.newBuilder();

  private EnclaveReply.Builder usualReply(HostRequest request) {
    EnclaveReply.Builder reply = EnclaveReply.newBuilder();
    switch (request.getRequestCase()) {
      case NEW_CLIENT -> reply.setNewClient(newClient());
      case DELETE_BACKUP -> reply.setDeleteBackup(DeleteBackupReply.getDefaultInstance());
      case CREATE_GROUP -> {
        if (hasGroup) {
          reply.setError(Error.ERROR_CORE_GROUP_EXISTS);
        } else {
          hasGroup = true;
          reply.setCreateGroup(CreateGroupReply.newBuilder().setGroup(group()));
        }
      }
      case STATUS -> reply.setStatus(status());
      case METRICS -> reply.setMetrics(metrics());
      case SET_LOG_LEVEL -> {
        logLevel = request.getSetLogLevel().getLevel();
        reply.setSetLogLevel(SetLogLevelReply.getDefaultInstance());
      }
      case EVIDENCE ->
          reply.setEvidence(EvidenceReply.newBuilder().setHandshakeStart(HANDSHAKE_START));
      case JOIN_GROUP -> {
        if (hasGroup) {
          reply.setError(Error.ERROR_CORE_GROUP_EXISTS);
        } else {
          reply.setJoinGroup(JoinGroupReply.getDefaultInstance());
        }
      }
      case CHANGE_MEMBERSHIP ->
          reply.setChangeMembership(ChangeMembershipReply.getDefaultInstance());
      case RELINQUISH_LEADERSHIP ->
          reply.setRelinquishLeadership(RelinquishLeadershipReply.getDefaultInstance());
      case RESET_PEER -> reply.setResetPeer(ResetPeerReply.getDefaultInstance());
      case PING_PEER -> reply.setPingPeer(PingPeerReply.newBuilder().setTicks(1));
      case HASH -> reply.setHash(HashReply.newBuilder().setAppliedIndex(12).setHash(HASH));
      case RAISE_MINIMUMS ->
          reply.setRaiseMinimums(
              RaiseMinimumsReply.newBuilder().setMinimums(request.getRaiseMinimums().getRaise()));
      case REQUEST_NOT_SET -> throw new IllegalStateException("an empty request");
    }
    return reply;
  }

  private NewClientReply.Builder newClient() {
    return NewClientReply.newBuilder()
        .setClientId(lastClientId.incrementAndGet())
        .setHandshakeStart(HANDSHAKE_START);
  }

  private static RaftGroupConfig group() {
    return RaftGroupConfig.newBuilder()
        .setGroupId(0xfedcba9876543210L)
        .setMinVotingReplicas(1)
        .setMaxVotingReplicas(1)
        .setDbVersion(2)
        .setAttestationTimeout(604_800)
        .setSimulated(true)
        .build();
  }

  private StatusReply.Builder status() {
    StatusReply.Builder special = groupStatus;
    if (special != null) {
      return special.build().toBuilder().setPeerId(peerId);
    }
    StatusReply.Builder status = StatusReply.newBuilder().setPeerId(peerId).setUnprotected(true);
    if (!hasGroup) {
      return status.setNotServingReason(Error.ERROR_CORE_NO_GROUP);
    }
    return status
        .setGroup(group())
        .setMember(true)
        .setServing(true)
        .addMembers(MemberStatus.newBuilder().setPeerId(peerId).setVoting(true));
  }

  private static MetricsReply.Builder metrics() {
    return MetricsReply.newBuilder()
        .addCounters(
            CounterValue.newBuilder().setCounter(Counter.COUNTER_CLIENT_REQUESTS).setValue(41))
        .addGauges(GaugeValue.newBuilder().setGauge(Gauge.GAUGE_ROWS).setValue(7))
        .addErrors(ErrorCount.newBuilder().setError(Error.ERROR_NOISE_DECRYPT_FAILED).setCount(3));
  }

  /** Sends an item to a client. */
  public void output(long clientId, ByteString data) {
    end(clientId, data, CloseReason.CLOSE_REASON_UNSET, Error.OK);
  }

  /** Sends an item and ends the session. */
  public void end(long clientId, ByteString data, CloseReason fin, Error error) {
    output(
        EnclaveItem.newBuilder()
            .setClient(
                ClientOutput.newBuilder()
                    .setClientId(clientId)
                    .setData(data)
                    .setFin(fin)
                    .setError(error)));
  }

  /** A status of a member among so many. */
  public StatusReply.Builder memberOf(int members, RaftRole role) {
    StatusReply.Builder status =
        StatusReply.newBuilder()
            .setGroup(group())
            .setMember(true)
            .setServing(true)
            .setRole(role)
            .addMembers(MemberStatus.newBuilder().setPeerId(peerId).setVoting(true));
    for (int i = 1; i < members; i++) {
      status.addMembers(MemberStatus.getDefaultInstance());
    }
    return status;
  }

  /** Sends a message to another enclave. */
  public void toPeer(ByteString peer, ByteString data) {
    output(EnclaveItem.newBuilder().setPeer(PeerOutput.newBuilder().setPeerId(peer).setData(data)));
  }

  /** Says that this replica stopped for good. */
  public void stop(Error error) {
    output(EnclaveItem.newBuilder().setStopped(Stopped.newBuilder().setError(error)));
  }

  /** Outputs one item. */
  public void output(EnclaveItem.Builder item) {
    output.onOutput(EnclaveToHostMessage.newBuilder().addItems(item).build().toByteArray());
  }

  /** All items that came in, without ticks. */
  public List<HostItem> items() {
    return messages.stream().flatMap(message -> message.getItemsList().stream()).toList();
  }

  @Override
  public byte[] measurement() {
    byte[] measurement = new byte[32];
    measurement[0] = (byte) 0xab;
    return measurement;
  }

  @Override
  public int maxThreads() {
    return maxThreads;
  }

  @Override
  public void close() {
    closed = true;
  }
}
