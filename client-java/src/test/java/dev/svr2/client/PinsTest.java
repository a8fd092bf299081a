// SPDX-License-Identifier: Apache-2.0
//
// The pin file (cli.md): written in a stable order, read strictly.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.evidence.GroupConfig;
import java.util.Arrays;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PinsTest {
  private static final String GOOD =
      String.join(
          "\n",
          "{",
          "  \"measurement\": \"" + "ab".repeat(32) + "\",",
          "  \"group\": {",
          "    \"group_id\": \"00000000000000ff\",",
          "    \"min_voting_replicas\": 3,",
          "    \"max_voting_replicas\": 5,",
          "    \"super_majority\": 1,",
          "    \"db_version\": 2,",
          "    \"attestation_timeout\": 4294967295,",
          "    \"simulated\": false",
          "  },",
          "  \"handshake\": \"NKhfs\",",
          "  \"minimums\": {",
          "    \"sgx_tcb_evaluation_data_number\": \"0000000000000010\"",
          "  },",
          "  \"advisories\": [",
          "    \"INTEL-SA-00615\"",
          "  ],",
          "  \"protected\": true",
          "}",
          "");

  private static void refused(String message, String json) {
    PinsException e = assertThrows(PinsException.class, () -> Pins.parse(json), json);
    assertTrue(e.getMessage().contains(message), e.getMessage() + " should hold: " + message);
  }

  private static void refusedWith(String message, String from, String to) {
    assertTrue(GOOD.contains(from), from);
    refused(message, GOOD.replace(from, to));
  }

  @Test
  void writtenAsRead() throws Exception {
    Pins pins = Pins.parse(GOOD);
    assertEquals(GOOD, pins.toJson());
    assertEquals(255, pins.group().groupId());
    assertEquals(4_294_967_295L, pins.group().attestationTimeoutSeconds());
    assertTrue(pins.isProtected());
    assertEquals(pins, Pins.parse(GOOD));
    assertEquals(pins.hashCode(), Pins.parse(GOOD).hashCode());
    assertNotEquals(pins, Pins.parse(GOOD.replace("0010", "0011")));
    assertEquals(pins, Pins.parse(GOOD.replace("abab", "ABAB")));
  }

  @Test
  void unknownKeysAreRefused() {
    refusedWith("pins: unknown key \"measurment\"", "\"measurement\"", "\"measurment\"");
    refusedWith("group: unknown key \"groupid\"", "\"group_id\"", "\"groupid\"");
    refusedWith("unknown key \"x\"", "{\n  \"mea", "{\"x\": 1, \"mea");
  }

  @Test
  void everyMissingKeyIsNamed() {
    String[] top = {"measurement", "group", "handshake", "minimums", "advisories", "protected"};
    for (String key : top) {
      String without =
          GOOD.replaceAll("(?s)(,\\s*)?\"" + key + "\": (\"[^\"]*\"|\\{.*?\\}|\\[.*?\\]|true)", "");
      refused("key " + key + " is missing", without.replaceFirst("\\{\\s*,", "{"));
    }
    String[] group = {
      "group_id",
      "min_voting_replicas",
      "max_voting_replicas",
      "super_majority",
      "db_version",
      "attestation_timeout",
    };
    for (String key : group) {
      refused(
          "group: key " + key + " is missing",
          GOOD.replaceAll("\\s*\"" + key + "\": (\"[^\"]*\"|\\d+),", ""));
    }
    refusedWith(
        "group: key simulated is missing", "4294967295,\n    \"simulated\": false", "4294967295");
  }

  @Test
  void keysThatStandTwiceAreRefused() {
    refusedWith("twice", "\"protected\": true", "\"protected\": true, \"protected\": true");
    refusedWith("twice", "\"simulated\": false", "\"simulated\": true, \"simulated\": false");
    refusedWith(
        "twice",
        "\"0000000000000010\"",
        "\"0000000000000010\", \"sgx_tcb_evaluation_data_number\": \"00\"");
  }

  @Test
  void wrongTypesAreRefused() {
    refusedWith("group.min_voting_replicas: expected a number", ": 3,", ": \"3\",");
    refusedWith("protected: expected true or false", "\"protected\": true", "\"protected\": 1");
    refusedWith("handshake: expected a string", "\"NKhfs\"", "null");
    refusedWith("advisories: expected a string", "\"INTEL-SA-00615\"", "615");
    refusedWith("measurement: expected a string", "\"" + "ab".repeat(32) + "\"", "12");
    refused("pins: expected an object", "[]");
    refused("pins: expected an object", "\"text\"");
  }

  @Test
  void wrongSizesAndNumbersAreRefused() {
    refusedWith("measurement: expected 64 hexadecimal digits", "ab".repeat(32), "ab".repeat(31));
    refusedWith("measurement: expected 64 hexadecimal digits", "ab".repeat(32), "ab".repeat(33));
    refusedWith("measurement: a character that is not", "abab", "abxx");
    refusedWith("measurement: an odd number", "ab".repeat(32), "a".repeat(63));
    refusedWith("group.group_id: expected 16", "00000000000000ff", "ff");
    refusedWith("minimums.\"sgx_tcb_evaluation_data_number\"", "0000000000000010", "");
    for (String number : new String[] {"-1", "4294967296", "1.0", "1e3", "99999999999999999999"}) {
      refusedWith(
          "group.super_majority: expected a whole number",
          "\"super_majority\": 1",
          "\"super_majority\": " + number);
    }
    refusedWith("handshake must be NK or NKhfs", "NKhfs", "nk");
  }

  @Test
  void protectedMustNotContradictSimulated() {
    refusedWith("opposite", "\"protected\": true", "\"protected\": false");
    refusedWith("opposite", "\"simulated\": false", "\"simulated\": true");
  }

  @Test
  void looseJsonIsRefused() {
    refused("ends too early", "");
    refused("ends too early", "{\"measurement\": ");
    refused("not valid JSON at line 21 column 2", GOOD + "{}");
    refused("not valid JSON at line", GOOD + "x");
    refused("not valid JSON", "{measurement: 1}");
    refused("not valid JSON", GOOD.replace("\"protected\": true", "\"protected\": TRUE"));
    refused("not valid JSON", GOOD.replaceFirst("\\{", "{ // comment\n"));
    refused("not valid JSON", GOOD.replace("\"protected\": true", "'protected': true"));
    refused("longer than 64 KiB", " ".repeat(64 * 1024 + 1));
    refused("minimums: more than 64", GOOD.replace("\"minimums\": {", manyMinimums()));
    refused(
        "advisories: more than 1024",
        GOOD.replace("\"INTEL-SA-00615\"", "\"a\"" + ",\"a\"".repeat(1024)));
  }

  private static String manyMinimums() {
    StringBuilder out = new StringBuilder("\"minimums\": {");
    for (int i = 0; i < 65; i++) {
      out.append("\"m").append(i).append("\": \"00\",");
    }
    return out.toString();
  }

  @Test
  void partsOutsideTheLimitsAreRefused() throws Exception {
    GroupConfig group = Pins.parse(GOOD).group();
    assertThrows(
        IllegalArgumentException.class,
        () -> new Pins(new byte[31], group, Handshake.NK, Map.of(), Arrays.asList(), true));
    assertThrows(IllegalArgumentException.class, () -> GroupConfig.builder().dbVersion(1L << 32));
    assertThrows(IllegalArgumentException.class, () -> GroupConfig.builder().superMajority(-1));
  }

  /** Any altered text is read or refused with a PinsException, never anything else. */
  @Property(tries = 5_000)
  void mutationsEndWell(@ForAll @IntRange(max = 2_000) int at, @ForAll char with) {
    StringBuilder text = new StringBuilder(GOOD);
    text.setCharAt(at % text.length(), with);
    try {
      assertTrue(Pins.parse(text.toString()).toJson().length() > 100);
    } catch (PinsException e) {
      assertTrue(e.getMessage().length() > 5);
    }
  }
}
