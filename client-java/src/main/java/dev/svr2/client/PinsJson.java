// SPDX-License-Identifier: Apache-2.0
//
// The pin file's text. Read strictly: a pin that is misspelled must not silently pin nothing.
// Source: cli.md, "Pin file".
package dev.svr2.client;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import com.google.gson.stream.MalformedJsonException;
import dev.svr2.client.evidence.GroupConfig;
import dev.svr2.client.internal.Hex;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reader and writer of {@link Pins}. Stateless. */
final class PinsJson {
  private static final int TEXT_MAX_CHARS = 64 * 1024;
  private static final int MINIMUMS_MAX = 64;
  private static final int MINIMUM_MAX_BYTES = 64;
  private static final int ADVISORIES_MAX = 1024;
  private static final Pattern NUMBER = Pattern.compile("0|[1-9][0-9]{0,9}");
  private static final Pattern PLACE = Pattern.compile(" at line \\d+ column \\d+");
  private static final List<String> KEYS =
      Arrays.asList("measurement", "group", "handshake", "minimums", "advisories", "protected");
  private static final List<String> GROUP_KEYS =
      Arrays.asList(
          "group_id",
          "min_voting_replicas",
          "max_voting_replicas",
          "super_majority",
          "db_version",
          "attestation_timeout",
          "simulated");

  private PinsJson() {}

  static String write(Pins pins) {
    StringWriter out = new StringWriter();
    try (JsonWriter json = new JsonWriter(out)) {
      json.setIndent("  ");
      json.beginObject();
      json.name("measurement").value(Hex.encode(pins.measurement()));
      json.name("group");
      writeGroup(json, pins.group());
      json.name("handshake").value(pins.handshake().toString());
      json.name("minimums").beginObject();
      for (Map.Entry<String, byte[]> minimum : pins.minimums().entrySet()) {
        json.name(minimum.getKey()).value(Hex.encode(minimum.getValue()));
      }
      json.endObject();
      json.name("advisories").beginArray();
      for (String advisory : pins.advisories()) {
        json.value(advisory);
      }
      json.endArray();
      json.name("protected").value(pins.isProtected());
      json.endObject();
    } catch (IOException e) {
      throw new UncheckedIOException("a StringWriter cannot fail", e);
    }
    return out.append('\n').toString();
  }

  private static void writeGroup(JsonWriter json, GroupConfig group) throws IOException {
    json.beginObject();
    json.name("group_id").value(group.groupIdHex());
    json.name("min_voting_replicas").value(group.minVotingReplicas());
    json.name("max_voting_replicas").value(group.maxVotingReplicas());
    json.name("super_majority").value(group.superMajority());
    json.name("db_version").value(group.dbVersion());
    json.name("attestation_timeout").value(group.attestationTimeoutSeconds());
    json.name("simulated").value(group.simulated());
    json.endObject();
  }

  static Pins read(String text) throws PinsException {
    if (text.length() > TEXT_MAX_CHARS) {
      throw new PinsException("pins: longer than 64 KiB");
    }
    try (JsonReader json = new JsonReader(new StringReader(text))) {
      json.setStrictness(Strictness.STRICT);
      Pins pins = readPins(json);
      if (json.peek() != JsonToken.END_DOCUMENT) {
        throw new PinsException("pins: something stands behind the object");
      }
      return pins;
    } catch (EOFException e) {
      throw new PinsException("pins: the text ends too early");
    } catch (MalformedJsonException e) {
      throw new PinsException("pins: not valid JSON" + place(e));
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new PinsException("pins: not valid JSON");
    } catch (IllegalArgumentException e) {
      throw new PinsException("pins: " + e.getMessage());
    }
  }

  /** Only the place out of the reader's message, which speaks to programmers in several lines. */
  private static String place(MalformedJsonException e) {
    Matcher place = PLACE.matcher(String.valueOf(e.getMessage()));
    return place.find() ? place.group() : "";
  }

  private static Pins readPins(JsonReader json) throws IOException, PinsException {
    byte[] measurement = null;
    GroupConfig group = null;
    Handshake handshake = null;
    SortedMap<String, byte[]> minimums = null;
    List<String> advisories = null;
    boolean isProtected = false;
    expect(json, JsonToken.BEGIN_OBJECT, "pins");
    json.beginObject();
    Set<String> seen = new TreeSet<>();
    while (json.hasNext()) {
      String key = key(json, "pins", KEYS, seen);
      switch (key) {
        case "measurement":
          measurement = hex(json, key, Pins.MEASUREMENT_BYTES, Pins.MEASUREMENT_BYTES);
          break;
        case "group":
          group = readGroup(json);
          break;
        case "handshake":
          handshake = Handshake.of(string(json, key));
          break;
        case "minimums":
          minimums = readMinimums(json);
          break;
        case "advisories":
          advisories = readAdvisories(json);
          break;
        default: // key() lets only the last of KEYS through.
          isProtected = bool(json, key);
          break;
      }
    }
    json.endObject();
    complete("pins", KEYS, seen);
    return new Pins(measurement, group, handshake, minimums, advisories, isProtected);
  }

  private static GroupConfig readGroup(JsonReader json) throws IOException, PinsException {
    GroupConfig.Builder group = GroupConfig.builder();
    expect(json, JsonToken.BEGIN_OBJECT, "group");
    json.beginObject();
    Set<String> seen = new TreeSet<>();
    while (json.hasNext()) {
      String key = key(json, "group", GROUP_KEYS, seen);
      String where = "group." + key;
      switch (key) {
        case "group_id":
          group.groupId(ByteBuffer.wrap(hex(json, where, 8, 8)).getLong());
          break;
        case "min_voting_replicas":
          group.minVotingReplicas(number(json, where));
          break;
        case "max_voting_replicas":
          group.maxVotingReplicas(number(json, where));
          break;
        case "super_majority":
          group.superMajority(number(json, where));
          break;
        case "db_version":
          group.dbVersion(number(json, where));
          break;
        case "attestation_timeout":
          group.attestationTimeoutSeconds(number(json, where));
          break;
        default: // key() lets only the last of GROUP_KEYS through.
          group.simulated(bool(json, where));
          break;
      }
    }
    json.endObject();
    complete("group", GROUP_KEYS, seen);
    return group.build();
  }

  private static SortedMap<String, byte[]> readMinimums(JsonReader json)
      throws IOException, PinsException {
    SortedMap<String, byte[]> minimums = new TreeMap<>();
    expect(json, JsonToken.BEGIN_OBJECT, "minimums");
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      byte[] value = hex(json, "minimums." + printable(name), 1, MINIMUM_MAX_BYTES);
      if (minimums.put(name, value) != null) {
        throw new PinsException("minimums: key " + printable(name) + " stands there twice");
      }
      if (minimums.size() > MINIMUMS_MAX) {
        throw new PinsException("minimums: more than " + MINIMUMS_MAX);
      }
    }
    json.endObject();
    return minimums;
  }

  private static List<String> readAdvisories(JsonReader json) throws IOException, PinsException {
    List<String> advisories = new ArrayList<>();
    expect(json, JsonToken.BEGIN_ARRAY, "advisories");
    json.beginArray();
    while (json.hasNext()) {
      advisories.add(string(json, "advisories"));
      if (advisories.size() > ADVISORIES_MAX) {
        throw new PinsException("advisories: more than " + ADVISORIES_MAX);
      }
    }
    json.endArray();
    return advisories;
  }

  private static String key(JsonReader json, String where, List<String> known, Set<String> seen)
      throws IOException, PinsException {
    String key = json.nextName();
    if (!known.contains(key)) {
      throw new PinsException(where + ": unknown key " + printable(key));
    }
    if (!seen.add(key)) {
      throw new PinsException(where + ": key " + key + " stands there twice");
    }
    return key;
  }

  private static void complete(String where, List<String> known, Set<String> seen)
      throws PinsException {
    for (String key : known) {
      if (!seen.contains(key)) {
        throw new PinsException(where + ": key " + key + " is missing");
      }
    }
  }

  private static void expect(JsonReader json, JsonToken token, String where)
      throws IOException, PinsException {
    if (json.peek() != token) {
      throw new PinsException(where + ": expected " + words(token));
    }
  }

  private static String words(JsonToken token) {
    switch (token) {
      case BEGIN_OBJECT:
        return "an object";
      case BEGIN_ARRAY:
        return "a list";
      case STRING:
        return "a string";
      case NUMBER:
        return "a number";
      default:
        return "true or false";
    }
  }

  private static String string(JsonReader json, String where) throws IOException, PinsException {
    expect(json, JsonToken.STRING, where);
    return json.nextString();
  }

  private static boolean bool(JsonReader json, String where) throws IOException, PinsException {
    expect(json, JsonToken.BOOLEAN, where);
    return json.nextBoolean();
  }

  private static long number(JsonReader json, String where) throws IOException, PinsException {
    expect(json, JsonToken.NUMBER, where);
    String text = json.nextString();
    if (!NUMBER.matcher(text).matches() || Long.parseLong(text) > 0xffff_ffffL) {
      throw new PinsException(where + ": expected a whole number from 0 to 4294967295");
    }
    return Long.parseLong(text);
  }

  private static byte[] hex(JsonReader json, String where, int minBytes, int maxBytes)
      throws IOException, PinsException {
    String text = string(json, where);
    byte[] bytes;
    try {
      bytes = Hex.decode(text);
    } catch (IllegalArgumentException e) {
      throw new PinsException(where + ": " + e.getMessage());
    }
    if (bytes.length < minBytes || bytes.length > maxBytes) {
      String digits =
          minBytes == maxBytes ? "" + 2 * minBytes : 2 * minBytes + " to " + 2 * maxBytes;
      throw new PinsException(where + ": expected " + digits + " hexadecimal digits");
    }
    return bytes;
  }

  private static String printable(String text) {
    String cut = text.length() > 40 ? text.substring(0, 40) + "…" : text;
    return "\"" + cut.replaceAll("[^\\x20-\\x7e…]", "?") + "\"";
  }
}
