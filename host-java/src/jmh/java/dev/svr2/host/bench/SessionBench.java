// SPDX-License-Identifier: Apache-2.0
//
// What a request costs through the whole host: gRPC over loopback, session, dispatch, a fake enclave that echoes, and
// back. The client's own share is in it, since it runs in the same process.
package dev.svr2.host.bench;

import com.google.protobuf.ByteString;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.SessionItem;
import io.grpc.stub.StreamObserver;
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

/** One invocation is one item of each session, there and back. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(2)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class SessionBench {
  /** Open sessions with a request in flight. */
  @Param({"1", "64"})
  public int depth;

  private static final SessionItem ITEM =
      SessionItem.newBuilder().setData(ByteString.copyFrom(new byte[100])).build();

  private final Semaphore answers = new Semaphore(0);
  private volatile Throwable failure;
  private HostFixture fixture;
  private StreamObserver<SessionItem>[] sessions;

  /** Opens the sessions. */
  @Setup
  @SuppressWarnings({"unchecked", "rawtypes"}) // An array of a generic type.
  public void start() throws Exception {
    fixture = HostFixture.start("log.level: warn\n", new FakeEnclave.Loader(false));
    sessions = new StreamObserver[depth];
    for (int i = 0; i < depth; i++) {
      sessions[i] = fixture.client().session(new Answers());
    }
    answers.acquire(depth);
  }

  /** Ends the host. */
  @TearDown
  public void stop() {
    fixture.close();
  }

  /** One item on each session, and all answers. */
  @Benchmark
  public void oneItemOfEachSession() throws InterruptedException {
    for (StreamObserver<SessionItem> session : sessions) {
      session.onNext(ITEM);
    }
    while (!answers.tryAcquire(depth, 10, TimeUnit.SECONDS)) {
      throw new IllegalStateException("an answer is missing", failure);
    }
  }

  private final class Answers implements StreamObserver<SessionItem> {
    @Override
    public void onNext(SessionItem item) {
      answers.release();
    }

    @Override
    public void onError(Throwable cause) {
      failure = cause;
    }

    @Override
    public void onCompleted() {}
  }
}
