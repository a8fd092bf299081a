// SPDX-License-Identifier: Apache-2.0
//
// A real enclave that counts what crosses its boundary and what is spent behind it.
package dev.svr2.host.e2e;

import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.EnclaveHandle;
import dev.svr2.enclave.OutputHandler;
import dev.svr2.enclave.Platform;
import dev.svr2.host.enclave.EnclaveRuntime;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** Thread-safe. */
final class CountedEnclave implements EnclaveHandle {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final EnclaveHandle enclave;
  private final Counters counters;

  private CountedEnclave(EnclaveHandle enclave, Counters counters) {
    this.enclave = enclave;
    this.counters = counters;
  }

  /** Sums since the enclave was loaded. */
  static final class Counters {
    private final LongAdder ecalls = new LongAdder();
    private final LongAdder ocalls = new LongAdder();
    private final LongAdder bytesIn = new LongAdder();
    private final LongAdder bytesOut = new LongAdder();
    private final LongAdder cpuNanos = new LongAdder();

    Crossings now() {
      return new Crossings(
          ecalls.sum(), ocalls.sum(), bytesIn.sum(), bytesOut.sum(), cpuNanos.sum());
    }
  }

  /**
   * What crossed.
   *
   * @param cpuNanos CPU time of the threads that called in, from before the call to after it; what
   *     the host does in the output callback is taken off
   */
  record Crossings(double ecalls, double ocalls, double bytesIn, double bytesOut, double cpuNanos) {
    Crossings plus(Crossings other, double factor) {
      return new Crossings(
          ecalls + factor * other.ecalls,
          ocalls + factor * other.ocalls,
          bytesIn + factor * other.bytesIn,
          bytesOut + factor * other.bytesOut,
          cpuNanos + factor * other.cpuNanos);
    }

    Crossings times(double factor) {
      return new Crossings(0, 0, 0, 0, 0).plus(this, factor);
    }
  }

  /** Loads the image with the properties for tests. */
  static final class Loader implements EnclaveRuntime.Loader {
    private final Platform platform;
    final Counters counters = new Counters();

    Loader(Platform platform) {
      this.platform = platform;
    }

    @Override
    public EnclaveHandle load(OutputHandler output) throws EnclaveException {
      OutputHandler counted =
          bytes -> {
            long before = THREADS.getCurrentThreadCpuTime();
            counters.ocalls.increment();
            counters.bytesOut.add(bytes.length);
            output.onOutput(bytes);
            counters.cpuNanos.add(before - THREADS.getCurrentThreadCpuTime());
          };
      return new CountedEnclave(
          Enclave.load(platform, TestPlatforms.image(platform), Set.of(), counted), counters);
    }
  }

  @Override
  public byte[] init(byte[] enclaveConfig) throws EnclaveException {
    return enclave.init(enclaveConfig);
  }

  @Override
  public void input(byte[] hostToEnclaveMessage) throws EnclaveException {
    long before = THREADS.getCurrentThreadCpuTime();
    try {
      enclave.input(hostToEnclaveMessage);
    } finally {
      counters.cpuNanos.add(THREADS.getCurrentThreadCpuTime() - before);
      counters.ecalls.increment();
      counters.bytesIn.add(hostToEnclaveMessage.length);
    }
  }

  @Override
  public byte[] measurement() {
    return enclave.measurement();
  }

  @Override
  public int maxThreads() {
    return enclave.maxThreads();
  }

  @Override
  public void close() {
    enclave.close();
  }
}
