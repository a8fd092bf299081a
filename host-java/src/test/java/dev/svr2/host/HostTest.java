// SPDX-License-Identifier: Apache-2.0
//
// A whole host with a fake enclave: control service, readiness, metrics, shutdown, and the
// enclave's end.
package dev.svr2.host;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.ErrorText;
import dev.svr2.host.enclave.EnclaveRuntime.End;
import dev.svr2.host.enclave.EnclaveRuntime.Termination;
import dev.svr2.proto.Counter;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.EnclaveItem;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.Gauge;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.LogLine;
import dev.svr2.proto.NewClientReply;
import dev.svr2.proto.SetLogLevelCall;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class HostTest {
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private HostFixture fixture;

  @BeforeEach
  void start() throws Exception {
    fixture = HostFixture.start("", loader);
    log.start();
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).addAppender(log);
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  private GetStatusResponse status() {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance());
  }

  private void createGroup() {
    var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
  }

  private String metrics() {
    return fixture.control().getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
  }

  private List<String> logLines(String logger) {
    return List.copyOf(log.list).stream()
        .filter(event -> event.getLoggerName().equals(logger))
        .map(ILoggingEvent::getFormattedMessage)
        .toList();
  }

  @Test
  void aHostIsReadyWhenItHasAGroupAndSaysWhyNotBefore() {
    GetStatusResponse before = status();
    assertFalse(before.getReady());
    assertEquals(
        "this replica belongs to no group yet; to found one, run 'svr2 admin create-group'",
        before.getNotReadyReason());
    createGroup();
    GetStatusResponse after = status();
    assertTrue(after.getReady());
    assertEquals("", after.getNotReadyReason());
    assertTrue(after.getLive());
    assertTrue(after.getNotProtected());
    assertEquals("local", after.getPlatform());
    assertEquals((byte) 0xab, after.getMeasurement().byteAt(0));
    assertEquals(fixture.host.clientAddress().toString(), after.getClientAddress());
  }

  @Test
  void anEnclaveThatDoesNotAnswerIsAReasonForNotBeingReady() throws Exception {
    fixture.close();
    fixture = HostFixture.start("runtime.request_timeout_ms: 50\n", loader);
    createGroup();
    loader.enclave.onRequest = request -> FakeEnclave.NO_ANSWER;
    GetStatusResponse status = status();
    assertFalse(status.getReady());
    assertEquals("the enclave does not answer", status.getNotReadyReason());
  }

  @Test
  void aSecondGroupIsRefusedWithWords() {
    createGroup();
    StatusRuntimeException failure = assertThrows(StatusRuntimeException.class, this::createGroup);
    assertEquals(Status.Code.ALREADY_EXISTS, failure.getStatus().getCode());
    assertTrue(
        failure.getStatus().getDescription().contains(ErrorText.of(Error.ERROR_CORE_GROUP_EXISTS)));
  }

  @Test
  void everyControlCommandIsInTheAuditLogAndCannotForgeLines() {
    createGroup();
    assertThrows(StatusRuntimeException.class, this::createGroup);
    var unused =
        fixture
            .control()
            .setLogLevel(
                SetLogLevelCall.newBuilder()
                    .setLogger("a\nb")
                    .setLevel(LogLevel.LOG_LEVEL_WARN)
                    .build());
    List<String> lines =
        logLines("audit").stream()
            .map(line -> line.replaceAll("from /\\S+:", "from CALLER:"))
            .toList();
    assertEquals(
        List.of(
            "create-group from CALLER: done",
            "create-group from CALLER: failed",
            "log-level LOG_LEVEL_WARN of logger 'a?b' from CALLER: done"),
        lines);
  }

  @Test
  void metricsHoldTheEnclavesAndTheHostsOwn() {
    String text = metrics();
    assertTrue(text.contains("svr2_enclave_client_requests_total 41.0"), text);
    assertTrue(text.contains("svr2_enclave_rows 7.0"), text);
    assertTrue(
        text.contains("svr2_enclave_errors_total{error=\"ERROR_NOISE_DECRYPT_FAILED\"} 3.0"), text);
    assertTrue(text.contains("svr2_unprotected 1.0"), text);
    assertTrue(text.contains("svr2_host_queue_items 0.0"), text);
    assertTrue(text.contains("jvm_memory_used_bytes{"), text);
  }

  @Test
  void everyCounterAndGaugeOfTheEnclaveIsAMeter() {
    String text = metrics();
    Arrays.stream(Counter.values())
        .filter(c -> c != Counter.UNRECOGNIZED && c != Counter.COUNTER_UNSET)
        .map(c -> c.name().substring("COUNTER_".length()).toLowerCase(Locale.ROOT) + "_total ")
        .forEach(name -> assertTrue(text.contains("\nsvr2_enclave_" + name), name));
    Arrays.stream(Gauge.values())
        .filter(g -> g != Gauge.UNRECOGNIZED && g != Gauge.GAUGE_UNSET)
        .map(g -> g.name().substring("GAUGE_".length()).toLowerCase(Locale.ROOT) + " ")
        .forEach(name -> assertTrue(text.contains("\nsvr2_enclave_" + name), name));
  }

  @Test
  void logLevelsChangeAtRunTime() {
    var unused =
        fixture
            .control()
            .setLogLevel(SetLogLevelCall.newBuilder().setLevel(LogLevel.LOG_LEVEL_DEBUG).build());
    assertEquals(LogLevel.LOG_LEVEL_DEBUG, loader.enclave.logLevel);
    var unused2 =
        fixture
            .control()
            .setLogLevel(
                SetLogLevelCall.newBuilder()
                    .setLogger("some.logger")
                    .setLevel(LogLevel.LOG_LEVEL_DEBUG)
                    .build());
    assertTrue(LoggerFactory.getLogger("some.logger").isDebugEnabled());
    assertFalse(LoggerFactory.getLogger("other.logger").isDebugEnabled());
    StatusRuntimeException failure =
        assertThrows(
            StatusRuntimeException.class,
            () ->
                fixture.control().setLogLevel(SetLogLevelCall.newBuilder().setLogger("x").build()));
    assertEquals(Status.Code.INVALID_ARGUMENT, failure.getStatus().getCode());
  }

  @Test
  void evidenceIsWhatClientsAreShown() {
    assertEquals(
        FakeEnclave.HANDSHAKE_START,
        fixture.control().getEvidence(GetEvidenceRequest.getDefaultInstance()).getHandshakeStart());
  }

  @Test
  void logLinesOfTheEnclaveComeThrough() {
    loader.enclave.output(
        EnclaveItem.newBuilder()
            .setLog(LogLine.newBuilder().setLevel(LogLevel.LOG_LEVEL_WARN).setText("a line {}")));
    assertEquals(List.of("a line {}"), logLines("enclave"));
  }

  @Test
  void ticksComeWithoutLoad() {
    await().until(() -> loader.enclave.ticks.get() >= 3);
  }

  @Test
  void repliesToNothingAskedAreCountedAndLateSessionsGivenBack() {
    loader.enclave.output(
        EnclaveItem.newBuilder()
            .setReply(
                EnclaveReply.newBuilder()
                    .setId(999)
                    .setNewClient(NewClientReply.newBuilder().setClientId(77))));
    await()
        .until(
            () ->
                loader.enclave.items().stream()
                    .anyMatch(item -> item.getClientClose().getClientId() == 77));
    assertEquals(1.0, fixture.host.metrics().unknownReplies.count());
  }

  @Test
  void anAbortEndsTheHostInItsOwnWay() throws Exception {
    loader.enclave.gate =
        message -> {
          throw new EnclaveException(Error.ERROR_BRIDGE_ABORTED);
        };
    assertEquals(
        new Termination(End.ABORTED, Error.ERROR_BRIDGE_ABORTED),
        fixture.host.termination().get(20, TimeUnit.SECONDS));
  }

  @Test
  void theLastMemberOfAGroupSaysWhatIsLost() {
    createGroup();
    fixture.host.close();
    assertTrue(
        logLines(Host.class.getName()).stream().anyMatch(line -> line.contains("secrets are gone")),
        () -> logLines(Host.class.getName()).toString());
    assertTrue(loader.enclave.closed);
    fixture.host.close(); // A second time does nothing.
  }

  @Test
  void anAddressInUseIsNamedAndNothingIsLeftBehind() {
    FakeEnclave.Loader second = new FakeEnclave.Loader();
    String lines = "client.listen: " + fixture.host.clientAddress() + "\n";
    String config = HostFixture.CONFIG.replace("client:\n  listen: 127.0.0.1:0\n", "");
    IOException failure =
        assertThrows(IOException.class, () -> HostFixture.startWith(config + lines, second));
    assertTrue(
        failure.getMessage().startsWith("cannot listen on " + fixture.host.clientAddress()),
        failure.getMessage());
    assertTrue(second.enclave.closed);
  }
}
