// SPDX-License-Identifier: Apache-2.0
//
// What the host costs per item between a client stream and the enclave: lanes, batches, serialization, the routing of
// the answer. The enclave is a fake that echoes; its share is the parsing of the batch.
package dev.svr2.host.bench;

import com.google.protobuf.ByteString;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.host.enclave.ClientChannel;
import dev.svr2.host.enclave.ClientSink;
import dev.svr2.host.enclave.Completion;
import dev.svr2.host.enclave.Dispatcher;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Error;
import java.time.InstantSource;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** One invocation is one item of each client, there and back. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(2)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class DispatchBench {
  /** Clients with an item in flight. */
  @Param({"1", "64"})
  public int depth;

  private static final ByteString ITEM = ByteString.copyFrom(new byte[100]);

  private final Semaphore answers = new Semaphore(0);
  private final Semaphore opened = new Semaphore(0);
  private HostMetrics metrics;
  private EnclaveRuntime runtime;
  private ClientChannel[] channels;

  /** Opens the sessions. */
  @Setup
  public void start() throws Exception {
    metrics = new HostMetrics();
    FakeEnclave.Loader loader = new FakeEnclave.Loader(false);
    runtime =
        EnclaveRuntime.start(HostFixture.config(""), loader, metrics, InstantSource.system());
    channels = new ClientChannel[depth];
    for (int i = 0; i < depth; i++) {
      channels[i] = runtime.openClient(new byte[16], new Sink());
    }
    opened.acquire(depth);
  }

  /** Ends the runtime. */
  @TearDown
  public void stop() {
    runtime.close();
    metrics.close();
  }

  /** One item of each client, and all answers. */
  @Benchmark
  public void oneItemOfEachClient() throws InterruptedException {
    for (ClientChannel channel : channels) {
      if (channel.send(ITEM, Completion.NONE) != Dispatcher.Offer.TAKEN) {
        throw new IllegalStateException("the queue is full");
      }
    }
    answers.acquire(depth);
  }

  private final class Sink implements ClientSink {
    @Override
    public void onOpened(ByteString handshakeStart) {
      opened.release();
    }

    @Override
    public void onOutput(ByteString data, CloseReason fin, Error error) {
      answers.release();
    }

    @Override
    public void onFailure(Error error, boolean maybeApplied) {
      // At the end, when the runtime closes; before, an answer would be missing and JMH time out.
    }
  }
}
