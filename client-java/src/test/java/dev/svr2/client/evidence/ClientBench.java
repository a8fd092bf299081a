// SPDX-License-Identifier: Apache-2.0
//
// `make bench-client`: CPU time of what a client does that is dear. Medians of several runs, on one
// thread; the first call of the process is the cold figure.
package dev.svr2.client.evidence;

import dev.svr2.client.Handshake;
import dev.svr2.client.noise.NoiseInitiator;
import dev.svr2.client.noise.NoiseTransport;
import dev.svr2.client.testing.NoiseResponder;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.Callable;

/** Not a test: a main class. */
final class ClientBench {
  private static final int RUNS = 5;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private ClientBench() {}

  /** What must be there, and its value in the end, so that nothing is left out. */
  private static long kept;

  public static void main(String[] args) throws Exception {
    byte[] evidence = SgxVectors.evidence();
    byte[] endorsement = SgxVectors.endorsement();
    var clock = SgxVectors.at(SgxVectors.time());
    long before = THREADS.getCurrentThreadCpuTime();
    long wall = System.nanoTime();
    kept += new SgxEvidenceVerifier(clock).verify(evidence, endorsement).evaluationNumber();
    System.out.printf(
        "evidence, first call of a process   %8.2f ms CPU, %.2f ms elapsed%n",
        (THREADS.getCurrentThreadCpuTime() - before) / 1e6, (System.nanoTime() - wall) / 1e6);
    measure(
        "evidence, collateral not seen before",
        300,
        () -> new SgxEvidenceVerifier(clock).verify(evidence, endorsement).evaluationNumber());
    SgxEvidenceVerifier verifier = new SgxEvidenceVerifier(clock);
    measure(
        "evidence, collateral remembered",
        1000,
        () -> verifier.verify(evidence, endorsement).evaluationNumber());
    for (Handshake handshake : Handshake.values()) {
      SecureRandom random = new SecureRandom();
      byte[] server = new byte[32];
      random.nextBytes(server);
      byte[] ephemeral = new byte[32];
      random.nextBytes(ephemeral);
      byte[] publicKey = NoiseResponder.publicKey(server);
      long[] client = new long[1];
      measure(
          "handshake " + handshake + ", the client's part",
          300,
          () -> {
            long start = THREADS.getCurrentThreadCpuTime();
            NoiseInitiator initiator =
                handshake == Handshake.NK
                    ? NoiseInitiator.nk(publicKey, random)
                    : NoiseInitiator.nkHfs(publicKey, random);
            byte[] first = initiator.writeFirst();
            client[0] = THREADS.getCurrentThreadCpuTime() - start;
            byte[] second = new NoiseResponder(handshake, server, ephemeral).answer(first);
            start = THREADS.getCurrentThreadCpuTime();
            NoiseTransport transport = initiator.readSecond(second);
            client[0] += THREADS.getCurrentThreadCpuTime() - start;
            kept += transport.hashCode();
            return client[0];
          },
          true);
    }
    System.out.println("(" + kept + ")");
  }

  private static void measure(String what, int calls, Callable<Long> work) throws Exception {
    measure(what, calls, work, false);
  }

  /**
   * @param returnsNanos the work measures itself
   */
  private static void measure(String what, int calls, Callable<Long> work, boolean returnsNanos)
      throws Exception {
    for (int i = 0; i < 2 * calls; i++) {
      kept += work.call();
    }
    double[] micros = new double[RUNS];
    for (int run = 0; run < RUNS; run++) {
      long sum = 0;
      long start = THREADS.getCurrentThreadCpuTime();
      for (int i = 0; i < calls; i++) {
        long value = work.call();
        sum += returnsNanos ? value : 0;
        kept += value;
      }
      long all = returnsNanos ? sum : THREADS.getCurrentThreadCpuTime() - start;
      micros[run] = all / 1e3 / calls;
    }
    Arrays.sort(micros);
    System.out.printf(
        "%-36s%8.2f ms CPU (median of %d runs of %d; %.2f to %.2f)%n",
        what, micros[RUNS / 2] / 1e3, RUNS, calls, micros[0] / 1e3, micros[RUNS - 1] / 1e3);
  }
}
