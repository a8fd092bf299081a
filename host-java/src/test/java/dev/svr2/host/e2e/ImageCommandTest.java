// SPDX-License-Identifier: Apache-2.0
//
// `svr2 image` on the real images of both kinds: what it shows, what it found to hold, and what it
// says it did not look at. Source: cli.md; SIGSTRUCT of the Intel SDM, volume 3D.
package dev.svr2.host.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.primitives.Bytes;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.host.cli.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

class ImageCommandTest {
  /** The first fields of .oeinfo: its size, SGX; NumHeapPages follows. */
  private static final byte[] OEINFO = HexFormat.of().parseHex("a807000002000000");

  private static final int SIGNATURE_AT = 144 + 516;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path folder;

  private int run(String... args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute(args);
  }

  private JsonObject json() {
    return JsonParser.parseString(out.toString()).getAsJsonObject();
  }

  private static Map<String, String> propertiesOf(Path conf) throws IOException {
    return Files.readAllLines(conf, UTF_8).stream()
        .filter(line -> line.matches("\\w+=\\d+"))
        .map(line -> List.of(line.split("=", 2)))
        .collect(Collectors.toMap(pair -> pair.get(0), pair -> pair.get(1)));
  }

  /** A copy of an image with one bit turned. */
  private String altered(Path image, int at) throws IOException {
    byte[] bytes = Files.readAllBytes(image);
    bytes[at] ^= 4;
    return Files.write(folder.resolve("altered" + at), bytes).toString();
  }

  @ParameterizedTest
  @EnumSource(names = {"LOCAL", "OE_SIMULATION"})
  void infoShowsMeasurementSignatureAndTheBoundProperties(Platform platform) throws Exception {
    TestPlatforms.require(platform);
    Path image = TestPlatforms.image(platform);
    assertEquals(0, run("image", "info", "--json", image.toString()), err::toString);
    Map<String, String> properties = new TreeMap<>();
    json()
        .getAsJsonObject("properties")
        .entrySet()
        .forEach(entry -> properties.put(entry.getKey(), entry.getValue().getAsString()));
    assertEquals(
        propertiesOf(Path.of(System.getProperty("svr2.root"), "svr2_test.conf")), properties);
    assertEquals("verified", json().get("signature").getAsString());
    boolean local = platform == Platform.LOCAL;
    assertEquals(local ? "local" : "sgx", json().get("platform").getAsString());
    assertEquals(local ? "verified" : "not checked", json().get("pages").getAsString());
    String measurement = json().get("measurement").getAsString();
    try (Enclave enclave = Enclave.load(platform, image, Set.of(), output -> {})) {
      assertEquals(HexFormat.of().formatHex(enclave.measurement()), measurement);
    }
    assertEquals(0, run("image", "info", image.toString()));
    assertTrue(out.toString().matches("(?s).*measurement +" + measurement + ".*"), out.toString());
    assertTrue(out.toString().matches("(?s).*NumTCS +4\n.*"), out.toString());
  }

  @ParameterizedTest
  @EnumSource(names = {"LOCAL", "OE_SIMULATION"})
  void verifyChecksThePagesAndTheMeasurementThatIsExpected(Platform platform) throws Exception {
    TestPlatforms.require(platform);
    String image = TestPlatforms.image(platform).toString();
    assertEquals(0, run("image", "verify", "--json", image), err::toString);
    assertEquals("verified", json().get("pages").getAsString());
    String measurement = json().get("measurement").getAsString();
    assertEquals(0, run("image", "verify", "--measurement", measurement, image));
    assertEquals("verified " + measurement, out.toString().strip());
    String other = (measurement.startsWith("0") ? "1" : "0") + measurement.substring(1);
    assertEquals(7, run("image", "verify", "--measurement", other, image));
    assertTrue(err.toString().contains(measurement), err.toString());
  }

  @Test
  void anAlteredImageOfLocalIsRefused() throws Exception {
    Path image = TestPlatforms.image(Platform.LOCAL);
    int size = Math.toIntExact(Files.size(image));
    for (int at : List.of(size / 3, size - 1)) {
      for (String command : List.of("info", "verify")) {
        assertEquals(1, run("image", command, altered(image, at)), command);
        assertTrue(err.toString().contains("signature does not verify"), err.toString());
        assertEquals("", out.toString());
      }
    }
  }

  /** Its signature covers the measurement, and only loading finds what was done to the pages. */
  @Test
  void anAlteredImageOfOpenEnclaveIsRefused() throws Exception {
    TestPlatforms.require(Platform.OE_SIMULATION);
    Path image = TestPlatforms.image(Platform.OE_SIMULATION);
    int info = Bytes.indexOf(Files.readAllBytes(image), OEINFO);
    String signature = altered(image, info + SIGNATURE_AT);
    for (String command : List.of("info", "verify")) {
      assertEquals(1, run("image", command, signature), command);
      assertTrue(err.toString().contains("signature does not verify"), err.toString());
    }
    int code = Math.toIntExact(Files.size(image) / 3);
    int heap = info + OEINFO.length + 1;
    for (int at : List.of(code, heap)) {
      String pages = altered(image, at);
      assertEquals(1, run("image", "verify", pages));
      assertTrue(err.toString().contains("altered after it was signed"), err.toString());
      assertEquals("", out.toString());
      assertEquals(0, run("image", "verify", "--signature-only", pages), err::toString);
      assertTrue(
          out.toString().startsWith("signature verified, pages not checked "), out.toString());
    }
  }
}
