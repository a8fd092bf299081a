// SPDX-License-Identifier: Apache-2.0
//
// A running enclave with all that it needs from its host: ticks, transactions, and items in order.
// What the planes (client, control, peer) use; nothing above this class sees bytes of the
// boundary.
package dev.svr2.host.enclave;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.EnclaveHandle;
import dev.svr2.enclave.ErrorText;
import dev.svr2.enclave.OutputHandler;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.proto.ClientOutput;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.EnclaveItem;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.EnclaveRequest;
import dev.svr2.proto.EnclaveToHostMessage;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostReply;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.LogLine;
import dev.svr2.proto.NewClientRequest;
import dev.svr2.proto.RouteToPeerReply;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Made by {@link #start}; nothing works any more after {@link #close}. */
public final class EnclaveRuntime implements AutoCloseable {
  /** Loads an enclave; tests load fakes. */
  @FunctionalInterface
  public interface Loader {
    EnclaveHandle load(OutputHandler output) throws EnclaveException;
  }

  /** How an enclave ended by itself. */
  public enum End {
    /** The replica stopped for good; a new enclave must take its place. */
    STOPPED,
    /** The enclave aborted; this process must be replaced. */
    ABORTED
  }

  /** Why and how. */
  public record Termination(End end, Error error) {}

  private static final Logger LOG = LoggerFactory.getLogger(EnclaveRuntime.class);
  private static final Logger ENCLAVE_LOG = LoggerFactory.getLogger("enclave");
  private static final long EXPIRY_INTERVAL_MS = 50;

  private final HostMetrics metrics;
  private final Transactions transactions;
  private final Map<Long, ClientChannel> clients = new ConcurrentHashMap<>();
  private final CompletableFuture<Termination> termination = new CompletableFuture<>();
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "svr2-timer");
            thread.setDaemon(true);
            return thread;
          });
  private final EnclaveHandle enclave;
  private final Dispatcher dispatcher;
  private final Ticker ticker;
  private final ByteString peerId;
  private volatile PeerSink peers = new NoPeers();

  private EnclaveRuntime(HostConfig config, Loader loader, HostMetrics metrics, InstantSource clock)
      throws EnclaveException {
    this.metrics = metrics;
    this.transactions =
        new Transactions(config.runtime().requestTimeout(), System::nanoTime, metrics);
    this.enclave = loader.load(this::onOutput);
    try {
      this.peerId = ByteString.copyFrom(enclave.init(config.enclave().toByteArray()));
    } catch (EnclaveException e) {
      enclave.close();
      throw e;
    }
    int threads = threads(config.runtime().enclaveThreads(), enclave.maxThreads());
    this.dispatcher =
        new Dispatcher(
            enclave,
            threads,
            config.runtime().queueMaxItems(),
            config.runtime().queueMaxBytes(),
            metrics,
            this::onCallFailed);
    this.ticker =
        new Ticker(enclave, config.runtime().tickInterval(), clock, metrics, this::onCallFailed);
  }

  /**
   * Loads, configures and starts an enclave, and its ticks.
   *
   * @throws EnclaveException when it cannot be loaded or refuses its configuration; nothing is left
   *     behind
   */
  public static EnclaveRuntime start(
      HostConfig config, Loader loader, HostMetrics metrics, InstantSource clock)
      throws EnclaveException {
    EnclaveRuntime runtime = new EnclaveRuntime(config, loader, metrics, clock);
    runtime.ticker.start();
    runtime.every(EXPIRY_INTERVAL_MS, runtime.transactions::expire);
    return runtime;
  }

  /** One thread fewer than the enclave takes, since the ticks need one. */
  static int threads(int configured, int maxThreads) {
    int limit = Math.max(1, maxThreads - 1);
    if (configured > limit) {
      LOG.warn(
          "runtime.enclave_threads is {}, but the image's NumTCS of {} leaves {} beside the ticks",
          configured,
          maxThreads,
          limit);
    }
    int wanted = configured == 0 ? Runtime.getRuntime().availableProcessors() : configured;
    return Math.min(wanted, limit);
  }

  /** Runs a task on the host's timer thread; it must not block. */
  public void every(long intervalMs, Runnable task) {
    Runnable guarded =
        () -> {
          try {
            task.run();
          } catch (RuntimeException e) {
            LOG.error("a periodic task failed", e); // And must run again all the same.
          }
        };
    var unused = timer.scheduleAtFixedRate(guarded, intervalMs, intervalMs, TimeUnit.MILLISECONDS);
  }

  /** Completed when the enclave has ended by itself; never by {@link #close}. */
  public CompletableFuture<Termination> termination() {
    return termination;
  }

  /** 32 bytes. */
  public ByteString peerId() {
    return peerId;
  }

  /** In lower-case hex. */
  public String peerIdHex() {
    return HexFormat.of().formatHex(peerId.toByteArray());
  }

  /** 32 bytes. */
  public byte[] measurement() {
    return enclave.measurement();
  }

  /**
   * Sends a request and completes with its reply. Completes exceptionally with a {@link
   * RequestException} when the enclave refuses or does not answer in time, or when the queue is
   * full.
   *
   * @param request without an id
   */
  public CompletableFuture<EnclaveReply> request(HostRequest.Builder request) {
    CompletableFuture<EnclaveReply> result = new CompletableFuture<>();
    send(
        new Lane(),
        request,
        new Transactions.Handler() {
          @Override
          public void onReply(EnclaveReply reply) {
            if (reply.getError() == Error.OK) {
              result.complete(reply);
            } else {
              result.completeExceptionally(new RequestException(reply.getError(), outcome(reply)));
            }
          }

          @Override
          public void onFailure(Error error, boolean maybeApplied) {
            result.completeExceptionally(
                error == Error.ERROR_CLIENT_TOO_MANY
                    ? RequestException.full()
                    : new RequestException(error, unknownIf(maybeApplied)));
          }
        });
    return result;
  }

  private static CloseReason outcome(EnclaveReply reply) {
    // Only delete_backup says; an enclave that says nothing about it may have applied it.
    return reply.getOutcome() == CloseReason.CLOSE_REASON_UNSET
            || reply.getOutcome() == CloseReason.UNRECOGNIZED
        ? CloseReason.CLOSE_REASON_UNKNOWN
        : reply.getOutcome();
  }

  private static CloseReason unknownIf(boolean maybeApplied) {
    return maybeApplied ? CloseReason.CLOSE_REASON_UNKNOWN : CloseReason.CLOSE_REASON_NOT_APPLIED;
  }

  /**
   * Asks for a session.
   *
   * @param backupId the client's authenticated id, 16 bytes
   * @param sink hears {@code onOpened} or {@code onFailure}, possibly before this returns
   */
  public ClientChannel openClient(byte[] backupId, ClientSink sink) {
    ClientChannel channel = new ClientChannel(this, sink);
    HostRequest.Builder request =
        HostRequest.newBuilder()
            .setNewClient(NewClientRequest.newBuilder().setBackupId(ByteString.copyFrom(backupId)));
    send(
        channel.lane,
        request,
        new Transactions.Handler() {
          @Override
          public void onReply(EnclaveReply reply) {
            if (reply.getError() == Error.OK) {
              channel.opened(reply);
            } else {
              channel.failed(reply.getError(), false);
            }
          }

          @Override
          public void onFailure(Error error, boolean maybeApplied) {
            // A session that was only asked for has applied nothing.
            channel.failed(error, false);
          }
        });
    return channel;
  }

  /** From now on messages to other enclaves go there. Until then nobody can be reached. */
  public void setPeers(PeerSink sink) {
    peers = sink;
  }

  /** The way in for messages of a peer; one per peer, or their order is lost. */
  public PeerChannel openPeer(ByteString peer) {
    return new PeerChannel(this, peer);
  }

  private void send(Lane lane, HostRequest.Builder request, Transactions.Handler handler) {
    long id = transactions.begin(handler);
    Completion completion =
        new Completion() {
          @Override
          public void handedIn() {}

          @Override
          public void failed(Error error, boolean maybeApplied) {
            transactions.fail(id, error, maybeApplied);
          }
        };
    HostItem item = HostItem.newBuilder().setRequest(request.setId(id)).build();
    switch (dispatcher.offer(lane, item, completion)) {
      case TAKEN -> {}
      case FULL -> transactions.fail(id, Error.ERROR_CLIENT_TOO_MANY, false);
      case CLOSED -> transactions.fail(id, Error.ERROR_BRIDGE_CLOSED, false);
    }
  }

  /** Called on threads inside the enclave. */
  private void onOutput(byte[] bytes) {
    EnclaveToHostMessage message;
    try {
      message = EnclaveToHostMessage.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      metrics.malformedOutputs.increment();
      LOG.error(
          "a message of the enclave is malformed; the image and this host do not fit together");
      return;
    }
    for (EnclaveItem item : message.getItemsList()) {
      switch (item.getItemCase()) {
        case REPLY -> onReply(item.getReply());
        case REQUEST -> onRequest(item.getRequest());
        case CLIENT -> onClient(item.getClient());
        case LOG -> onLog(item.getLog());
        case STOPPED -> end(End.STOPPED, item.getStopped().getError());
        case PEER -> peers.onPeerOutput(item.getPeer().getPeerId(), item.getPeer().getData());
        case ITEM_NOT_SET -> metrics.malformedOutputs.increment();
      }
    }
  }

  private void onReply(EnclaveReply reply) {
    if (!transactions.complete(reply) && reply.hasNewClient()) {
      // Too late for the client that it was for: the enclave must not keep the session.
      ClientChannel.tellClosed(this, new Lane(), reply.getNewClient().getClientId());
    }
  }

  private void onRequest(EnclaveRequest request) {
    switch (request.getRequestCase()) {
      case ROUTE_TO_PEER ->
          peers.onRouteWanted(
              request.getRouteToPeer().getPeerId(),
              reachable ->
                  reply(
                      HostReply.newBuilder()
                          .setId(request.getId())
                          .setRouteToPeer(RouteToPeerReply.newBuilder().setReachable(reachable))));
      // Of an enclave newer than this host: an empty answer is an answer, too.
      case REQUEST_NOT_SET -> reply(HostReply.newBuilder().setId(request.getId()));
    }
  }

  private void reply(HostReply.Builder reply) {
    if (dispatcher == null) {
      metrics.malformedOutputs.increment(); // Inside init, where an enclave has nothing to ask.
      return;
    }
    HostItem item = HostItem.newBuilder().setReply(reply).build();
    var unused = dispatcher.offerAlways(new Lane(), item, Completion.NONE);
  }

  private void onClient(ClientOutput output) {
    boolean isLast = output.getFin() != CloseReason.CLOSE_REASON_UNSET;
    ClientChannel channel =
        isLast ? clients.remove(output.getClientId()) : clients.get(output.getClientId());
    if (channel == null || !channel.isOpen()) {
      return; // It left while this was on its way.
    }
    if (isLast) {
      channel.ended();
    }
    channel.sink().onOutput(output.getData(), output.getFin(), output.getError());
  }

  private static void onLog(LogLine line) {
    switch (line.getLevel()) {
      case LOG_LEVEL_ERROR -> ENCLAVE_LOG.error("{}", line.getText());
      case LOG_LEVEL_WARN -> ENCLAVE_LOG.warn("{}", line.getText());
      // What the enclave's own level lets through is not dropped a second time.
      default -> ENCLAVE_LOG.info("{}", line.getText());
    }
  }

  private void onCallFailed(EnclaveException e) {
    switch (e.error()) {
      case ERROR_BRIDGE_ABORTED -> end(End.ABORTED, e.error());
      case ERROR_CORE_STOPPED -> end(End.STOPPED, e.error());
      case ERROR_BRIDGE_CLOSED -> LOG.debug("a call came after the enclave was closed");
      default -> LOG.warn("a call into the enclave failed: {}", e.getMessage());
    }
  }

  private void end(End end, Error error) {
    if (!termination.complete(new Termination(end, error))) {
      return;
    }
    metrics.enclaveStopped(end.name().toLowerCase(Locale.ROOT), error.name());
    String how = end == End.ABORTED ? "aborted" : "stopped for good";
    String line =
        "the enclave %s: %s: %s. %s"
            .formatted(how, error, ErrorText.of(error), ErrorText.hint(error));
    if (error == Error.ERROR_RAFT_REMOVED) {
      LOG.info(line); // Somebody wanted that: an operator, or this host on its way out.
    } else {
      LOG.error(line);
    }
    // Not here: this thread may be inside the enclave with a client's lock held.
    try {
      timer.execute(() -> failClients(error));
    } catch (RejectedExecutionException e) {
      // Whoever waited for the termination has closed this already, and close() fails them, too.
      LOG.debug("closed while the enclave ended");
    }
  }

  private void failClients(Error error) {
    transactions.failAll(error);
    for (ClientChannel channel : List.copyOf(clients.values())) {
      channel.failed(error, true);
    }
    clients.clear();
  }

  Dispatcher dispatcher() {
    return dispatcher;
  }

  void registerClient(long id, ClientChannel channel) {
    clients.put(id, channel);
  }

  void forgetClient(long id) {
    clients.remove(id);
  }

  /**
   * Ends ticks and calls, fails what waits, and closes the enclave, whose memory is gone then.
   * Blocks while calls are inside. Must not be called from a sink. Idempotent.
   */
  @Override
  public void close() {
    ticker.close();
    dispatcher.close();
    // The end that the enclave had is what its clients should hear.
    failClients(termination.isDone() ? termination.join().error() : Error.ERROR_BRIDGE_CLOSED);
    timer.shutdownNow();
    enclave.close();
  }

  /** Before there is a peer plane. */
  private static final class NoPeers implements PeerSink {
    @Override
    public void onPeerOutput(ByteString peerId, ByteString data) {}

    @Override
    public void onRouteWanted(ByteString peerId, Consumer<Boolean> answer) {
      answer.accept(false);
    }
  }
}
