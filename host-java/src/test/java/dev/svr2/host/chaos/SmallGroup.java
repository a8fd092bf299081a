// SPDX-License-Identifier: Apache-2.0
//
// Three hosts with real enclaves in this process, on ports that stay, any of which can be killed
// and
// is then replaced by a new one. Everything is quick: a tick takes 20 ms.
package dev.svr2.host.chaos;

import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.transport.Transport;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.host.e2e.BreakableEnclave;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.StatusReply;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Kill may be called by any thread, the rest by one. */
final class SmallGroup implements AutoCloseable {
  static final int REPLICAS = 3;
  private static final Duration HEAL_LIMIT = Duration.ofMinutes(2);

  private static final String CONFIG =
      """
      platform: local
      simulated: true
      image.path: enclave_test.signed
      group:
        min_voting_replicas: 3
        max_voting_replicas: 5
        super_majority: 0
        attestation_timeout: 604800
        on_start: %s
      client.listen: 127.0.0.1:%d
      control.listen: 127.0.0.1:0
      peer.listen: 127.0.0.1:%d
      peer.static: '%s'
      log.level: error
      runtime.tick_interval_ms: 20
      enclave.replica_voting_timeout_ticks: 40
      enclave.replica_membership_timeout_ticks: 60
      """;

  /** One place for a host, and who lives there. */
  private static final class Place {
    final int clientPort;
    final int peerPort;
    final Transport transport;
    volatile boolean killed;
    BreakableEnclave.Loader loader;
    HostFixture fixture;

    Place() throws IOException {
      clientPort = freePort();
      peerPort = freePort();
      transport = GrpcTransport.plaintext("127.0.0.1:" + clientPort);
    }
  }

  private final List<Place> places = new ArrayList<>();
  private final Pins pins;

  SmallGroup() throws Exception {
    for (int i = 0; i < REPLICAS; i++) {
      places.add(new Place());
    }
    start(places.get(0), "wait");
    start(places.get(1), "join");
    start(places.get(2), "join");
    var unused = places.get(0).fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    awaitHealed();
    pins =
        PinBlock.fromHandshakeStart(
            places
                .get(0)
                .fixture
                .control()
                .getEvidence(GetEvidenceRequest.getDefaultInstance())
                .getHandshakeStart()
                .toByteArray(),
            true);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private void start(Place place, String onStart) throws Exception {
    String others =
        places.stream()
            .filter(other -> other != place)
            .map(other -> "127.0.0.1:" + other.peerPort)
            .collect(Collectors.joining(","));
    place.loader = new BreakableEnclave.Loader(Platform.LOCAL);
    place.fixture =
        HostFixture.startWith(
            CONFIG.formatted(onStart, place.clientPort, place.peerPort, others), place.loader);
    place.killed = false;
  }

  Pins pins() {
    return pins;
  }

  /** The way to one replica, whoever lives there. */
  Transport transport(int number) {
    return places.get(number).transport;
  }

  /** The number of the replica that leads, or of any when none does. */
  int leader() {
    for (int i = 0; i < REPLICAS; i++) {
      if (!places.get(i).killed) {
        StatusReply status = status(places.get(i)).getEnclave();
        if (!status.getPeerId().isEmpty() && status.getLeaderId().equals(status.getPeerId())) {
          return i;
        }
      }
    }
    return 0;
  }

  /** What is in that enclave is lost from now on; its host notices and ends. */
  void kill(int number) {
    Place place = places.get(number);
    place.killed = true;
    place.loader.enclave.abort();
  }

  private static GetStatusResponse status(Place place) {
    return place.fixture.control().getStatus(GetStatusRequest.getDefaultInstance());
  }

  /** Puts new hosts in the places of the dead, and waits until all three vote and no one else. */
  void heal() throws Exception {
    for (Place place : places) {
      if (place.killed) {
        place.fixture.host.termination().join();
        place.fixture.close();
        start(place, "join");
      }
    }
    awaitHealed();
  }

  private void awaitHealed() throws Exception {
    Waiting.until("three voters", HEAL_LIMIT, this::describe, () -> isWhole());
  }

  private boolean isWhole() {
    try {
      for (Place place : places) {
        GetStatusResponse status = status(place);
        StatusReply enclave = status.getEnclave();
        boolean whole =
            status.getReady()
                && enclave.getVoting()
                && enclave.getMembersList().stream().filter(MemberStatus::getVoting).count()
                    == REPLICAS;
        if (!whole) {
          return false;
        }
      }
      return true;
    } catch (StatusRuntimeException e) {
      return false; // Not up yet.
    }
  }

  private String describe() {
    return places.stream()
        .map(
            place -> {
              try {
                return status(place).toString();
              } catch (StatusRuntimeException e) {
                return e.getStatus() + "\n";
              }
            })
        .collect(Collectors.joining());
  }

  @Override
  public void close() {
    for (Place place : places) {
      place.transport.close();
      if (place.fixture != null) {
        place.loader.enclave.abort(); // Three departures at once would wait for each other.
      }
    }
    for (Place place : places) {
      if (place.fixture != null) {
        place.fixture.close();
      }
    }
  }
}
