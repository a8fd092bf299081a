// SPDX-License-Identifier: Apache-2.0
//
// `make bench-idle`: a host with a bounded heap holds many sessions that say nothing. Each has what
// a session costs at the host: a stream, a client of the enclave, the first item sent.
package dev.svr2.host.load;

import dev.svr2.client.Credentials;
import dev.svr2.host.HostFixture;
import dev.svr2.host.log.Logs;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.SessionItem;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Not a test: a main class. */
final class IdleSessionsBench {
  private static final String HEAP = "-Xmx192m -XX:MaxDirectMemorySize=64m";
  private static final int CONNECTIONS = 20;
  private static final int OPENING = 200;
  private static final Pattern READY = Pattern.compile("READY client=(\\S+) control=(\\S+)");

  private IdleSessionsBench() {}

  public static void main(String[] args) throws Exception {
    var unused = Logs.quiet();
    int sessions = Integer.parseInt(args[0]);
    Path root = Path.of(System.getProperty("svr2.root"));
    Path folder = Files.createTempDirectory("svr2-idle");
    Path config = folder.resolve("host.yaml");
    Files.writeString(
        config,
        HostFixture.CONFIG.replace("enclave.signed.local", root + "/build/enclave.signed.local")
            + "client.session_idle_seconds: 3600\nenclave.session_idle_ticks: 100000\n"
            + "enclave.max_pending_handshakes: 100000\n");
    ProcessBuilder builder =
        new ProcessBuilder(root.resolve("svr2").toString(), "host", "--config", config.toString());
    builder.environment().put("AUTH_SECRET", HostFixture.SECRET);
    builder.environment().put("SVR2_JAVA_OPTS", HEAP);
    Path log = folder.resolve("out");
    Process host =
        builder.redirectOutput(log.toFile()).redirectError(folder.resolve("err").toFile()).start();
    List<ManagedChannel> channels = new ArrayList<>();
    int exit = 1;
    try {
      Matcher ready = awaitReady(host, log);
      ManagedChannel controlChannel = channel(ready.group(2));
      channels.add(controlChannel);
      var control = ControlServiceGrpc.newBlockingStub(controlChannel);
      var unusedGroup = control.createGroup(CreateGroupCall.getDefaultInstance());
      while (!control.getStatus(GetStatusRequest.getDefaultInstance()).getReady()) {
        TimeUnit.MILLISECONDS.sleep(50);
      }
      for (int i = 0; i < CONNECTIONS; i++) {
        channels.add(channel(ready.group(1)));
      }
      int failed = open(channels.subList(1, channels.size()), sessions);
      var status = control.getStatus(GetStatusRequest.getDefaultInstance());
      String metrics = control.getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
      System.out.printf(
          "%d idle sessions (%d failed) on one host with %s: open at the enclave %d, heap used"
              + " %.0f MiB, direct buffers %.0f MiB, threads %.0f%n",
          sessions,
          failed,
          HEAP,
          status.getEnclave().getClientSessions(),
          sum(metrics, "jvm_memory_used_bytes\\{area=\"heap\"[^}]*\\}") / (1 << 20),
          sum(metrics, "jvm_buffer_memory_used_bytes\\{[^}]*direct[^}]*\\}") / (1 << 20),
          sum(metrics, "jvm_threads_live_threads"));
      exit = failed == 0 ? 0 : 1;
    } finally {
      channels.forEach(ManagedChannel::shutdownNow);
      host.destroyForcibly();
    }
    System.exit(exit); // What gRPC left behind.
  }

  private static Matcher awaitReady(Process host, Path log) throws Exception {
    // A group of one that nobody has founded yet says READY only when it serves; the addresses
    // stand in the log before.
    Pattern addresses = Pattern.compile("clients connect to ([^, ]+).*operators to ([^, ]+)");
    while (host.isAlive()) {
      String text = Files.readString(log) + Files.readString(log.resolveSibling("err"));
      Matcher ready = READY.matcher(text);
      if (ready.find()) {
        return ready;
      }
      Matcher line = addresses.matcher(text);
      if (line.find()) {
        return line;
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
    throw new IllegalStateException(Files.readString(log.resolveSibling("err")));
  }

  private static ManagedChannel channel(String target) {
    return NettyChannelBuilder.forTarget("dns:///" + target).usePlaintext().build();
  }

  private static int open(List<ManagedChannel> channels, int sessions) throws InterruptedException {
    Semaphore opening = new Semaphore(OPENING);
    AtomicInteger failed = new AtomicInteger();
    for (int i = 0; i < sessions; i++) {
      opening.acquire();
      Metadata headers = new Metadata();
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
          Credentials.make(HostFixture.SECRET, "1d1e%028x".formatted(i), Clock.systemUTC())
              .authorization());
      StreamObserver<SessionItem> unused =
          ClientServiceGrpc.newStub(channels.get(i % channels.size()))
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
              .session(
                  new StreamObserver<>() {
                    @Override
                    public void onNext(SessionItem item) {
                      opening.release();
                    }

                    @Override
                    public void onError(Throwable failure) {
                      failed.incrementAndGet();
                      opening.release();
                    }

                    @Override
                    public void onCompleted() {}
                  });
    }
    opening.acquire(OPENING);
    return failed.get();
  }

  private static double sum(String metrics, String name) {
    Matcher matcher = Pattern.compile("(?m)^" + name + " ([0-9.E+]+)$").matcher(metrics);
    double sum = 0;
    while (matcher.find()) {
      sum += Double.parseDouble(matcher.group(matcher.groupCount()));
    }
    return sum;
  }
}
