// SPDX-License-Identifier: Apache-2.0
//
// Against dnsmasq on loopback: addresses of a name, and SRV records.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.config.DnsName;
import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DnsDirectoryTest extends DirectoryConformance {
  private static final Path PROGRAM = Path.of("/usr/sbin/dnsmasq");
  private static final String NAME = "peers.svr2.test";

  @TempDir Path folder;
  private int port;
  private Process process;
  private List<String> records = List.of();

  @BeforeEach
  void choosePort() throws Exception {
    Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "no DNS: " + PROGRAM + " is not there");
    try (DatagramSocket free = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
  }

  @AfterEach
  void stop() {
    if (process != null) {
      process.destroyForcibly();
      Awaitility.await().until(() -> !process.isAlive());
    }
  }

  private void start() throws Exception {
    stop();
    List<String> command =
        new ArrayList<>(
            List.of(
                PROGRAM.toString(),
                "--no-daemon",
                "--conf-file=/dev/null",
                "--no-hosts",
                "--no-resolv",
                "--local=/test/",
                "--bind-interfaces",
                "--listen-address=127.0.0.1",
                "--port=" + port,
                "--user=root",
                "--pid-file=" + folder.resolve("pid")));
    command.addAll(records);
    process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("dnsmasq.log").toFile())
            .start();
    Awaitility.await().until(this::answers);
  }

  private boolean answers() {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  void set(HostPort... addresses) throws Exception {
    List<String> fresh = new ArrayList<>();
    for (HostPort address : addresses) {
      fresh.add("--host-record=" + NAME + "," + address.host());
    }
    records = fresh;
    start();
  }

  private DnsDirectory open(String name) {
    return new DnsDirectory(
        DnsName.parse(name), Optional.of(new HostPort("127.0.0.1", port)), REFRESH);
  }

  @Override
  PeerDirectory open() {
    return open(NAME + ":7001");
  }

  @Override
  boolean breakServer() {
    stop();
    return true;
  }

  @Override
  void mendServer() throws Exception {
    start();
  }

  @Test
  void srvRecordsSayThePort() throws Exception {
    records =
        List.of(
            "--srv-host=_svr2._tcp.svr2.test,one.svr2.test,7001,0,0",
            "--srv-host=_svr2._tcp.svr2.test,two.svr2.test,7002,0,0");
    start();
    try (DnsDirectory directory = open("_svr2._tcp.svr2.test")) {
      Awaitility.await()
          .until(
              () ->
                  directory
                      .addresses()
                      .equals(
                          Set.of(
                              new HostPort("one.svr2.test", 7001),
                              new HostPort("two.svr2.test", 7002))));
    }
  }

  @Test
  void addressesOfTheNextProtocolAreFoundToo() throws Exception {
    records = List.of("--host-record=" + NAME + ",::1");
    start();
    try (PeerDirectory directory = open()) {
      Awaitility.await().until(() -> directory.addresses().size() == 1);
      HostPort found = directory.addresses().iterator().next();
      assertTrue(found.toSocketAddress().getAddress().isLoopbackAddress(), found::toString);
    }
  }

  @Test
  void namesThatAreNoneAreRefused() {
    for (String name : List.of("", "peers", "_svr2.example", "_svr2._udp.example", "a:0", "a:b")) {
      assertThrows(IllegalArgumentException.class, () -> DnsName.parse(name), name);
    }
    assertEquals("a.example:7", DnsName.parse("a.example:7").toString());
  }
}
