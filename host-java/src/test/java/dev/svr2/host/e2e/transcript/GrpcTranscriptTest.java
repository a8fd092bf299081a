// SPDX-License-Identifier: Apache-2.0
//
// The transcript over gRPC against a real enclave, with both handshakes.
package dev.svr2.host.e2e.transcript;

import dev.svr2.client.Credentials;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetStatusRequest;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@ValueSource(booleans = {true, false})
class GrpcTranscriptTest extends Transcript {
  private final boolean hybrid;
  private HostFixture fixture;

  GrpcTranscriptTest(boolean hybrid) {
    this.hybrid = hybrid;
  }

  @BeforeEach
  void start() throws Exception {
    Path image = Path.of(System.getProperty("svr2.root"), "build", "enclave_test.signed.local");
    fixture =
        HostFixture.start(
            "enclave.client_pq: " + hybrid + "\n",
            output -> Enclave.load(Platform.LOCAL, image, Set.of(), output));
    var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    Awaitility.await()
        .until(() -> fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getReady());
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  @Override
  Wire connect(int user) {
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        Credentials.make(HostFixture.SECRET, "%032x".formatted(user), Clock.systemUTC())
            .authorization());
    return new GrpcWire(
        fixture.anonymous().withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers)));
  }

  @Override
  boolean hybrid() {
    return hybrid;
  }
}
