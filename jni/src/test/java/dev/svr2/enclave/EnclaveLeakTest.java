// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static dev.svr2.enclave.EchoEnclave.command;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing native stays behind, whether an enclave is closed, called often, or forgotten. */
@Timeout(120)
final class EnclaveLeakTest {
  private static final int WARM_UP = 30;
  private static final int ROUNDS = 300;
  private static final long ALLOWED_KB = 24 << 10;

  @Test
  void loadingAndClosingGivesEverythingBack() throws Exception {
    int live = Enclave.live();
    rounds(WARM_UP);
    long before = residentKb();
    int maps = mappings();
    rounds(ROUNDS);
    assertEquals(live, Enclave.live());
    long grown = residentKb() - before;
    assertTrue(grown < ALLOWED_KB, "grew by " + grown + " KB in " + ROUNDS + " rounds");
    int newMaps = mappings() - maps;
    assertTrue(newMaps < ROUNDS / 4, newMaps + " mappings more after " + ROUNDS + " rounds");
  }

  @Test
  void callsGiveEverythingBack() throws Exception {
    byte[] message = new byte[300_000];
    message[0] = 'e';
    try (Enclave enclave = EchoEnclave.start(output -> {})) {
      for (int i = 0; i < 200; i++) {
        enclave.input(message);
      }
      long before = residentKb();
      for (int i = 0; i < 3000; i++) {
        enclave.input(message);
        enclave.input(command('n'));
      }
      long grown = residentKb() - before;
      assertTrue(grown < ALLOWED_KB * 4, "grew by " + grown + " KB");
    }
  }

  @Test
  void manyAtOnce() throws Exception {
    List<Enclave> enclaves = new ArrayList<>();
    try {
      for (int i = 0; i < 64; i++) {
        enclaves.add(EchoEnclave.start(output -> {}));
      }
      for (Enclave enclave : enclaves) {
        enclave.input(command('c'));
      }
    } finally {
      enclaves.forEach(Enclave::close);
    }
  }

  @Test
  void aForgottenEnclaveIsDestroyedAndCounted() throws Exception {
    long leaked = Enclave.leaked();
    int live = Enclave.live();
    forget();
    await()
        .until(
            () -> {
              System.gc();
              return Enclave.leaked() == leaked + 1 && Enclave.live() == live;
            });
  }

  @SuppressWarnings("resource")
  private static void forget() throws EnclaveException {
    EchoEnclave.start(output -> {}).input(command('n'));
  }

  private static void rounds(int count) throws EnclaveException {
    for (int i = 0; i < count; i++) {
      try (Enclave enclave = EchoEnclave.start(output -> {})) {
        enclave.input(command('a', 64)); // Touches the whole heap, so that a leak would show.
      }
    }
  }

  private static long residentKb() throws IOException {
    System.gc();
    Matcher line =
        Pattern.compile("VmRSS:\\s+(\\d+) kB")
            .matcher(Files.readString(Path.of("/proc/self/status")));
    assertTrue(line.find());
    return Long.parseLong(line.group(1));
  }

  private static int mappings() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).size();
  }
}
