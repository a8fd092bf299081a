// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * What a call costs from Java: to the echo enclave, and back through the output handler with a copy.
 * {@code bridge_bench.cc} measures the same calls from C++; `make -C jni bench` runs both.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Benchmark)
public class EnclaveBenchmark {
  private final byte[] nothing = {'n'};
  private final byte[] small = filled(256);
  private final byte[] middle = filled(64 << 10);
  private final byte[] large = filled(1 << 20);
  private Enclave enclave;

  private static byte[] filled(int size) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) 'e');
    return bytes;
  }

  /** Loads the image that the system property svr2.echo.image names. */
  @Setup
  public void load(Blackhole blackhole) throws EnclaveException {
    enclave =
        Enclave.load(
            Platform.LOCAL,
            Path.of(System.getProperty("svr2.echo.image")),
            Set.of(),
            blackhole::consume);
    enclave.init(new byte[] {1});
  }

  @TearDown
  public void close() {
    enclave.close();
  }

  @Benchmark
  public void emptyCall() throws EnclaveException {
    enclave.input(nothing);
  }

  @Benchmark
  public void roundTrip256() throws EnclaveException {
    enclave.input(small);
  }

  @Benchmark
  @Threads(2)
  public void roundTrip256TwoThreads() throws EnclaveException {
    enclave.input(small);
  }

  @Benchmark
  public void roundTrip64K() throws EnclaveException {
    enclave.input(middle);
  }

  @Benchmark
  public void roundTrip1M() throws EnclaveException {
    enclave.input(large);
  }
}
