// SPDX-License-Identifier: Apache-2.0
//
// JSON that Intel signed: read as RFC 8259 says, each name once, with limits; Gson's reader does
// the reading.
package dev.svr2.client.evidence;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import dev.svr2.client.internal.Hex;
import java.io.IOException;
import java.io.StringReader;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One object, with typed access that names what is wrong. Immutable. */
final class StrictJson {
  private static final int MAX_DEPTH = 8;

  private final String what;
  private final EvidenceRefusal refusal;
  private final Map<String, Object> values;

  private StrictJson(String what, EvidenceRefusal refusal, Map<String, Object> values) {
    this.what = what;
    this.refusal = refusal;
    this.values = values;
  }

  /**
   * Reads one object with nothing behind it.
   *
   * @param what the text, for messages
   * @param refusal for all that is wrong with it
   */
  static StrictJson parse(String what, EvidenceRefusal refusal, String text)
      throws EvidenceException {
    try (JsonReader in = new JsonReader(new StringReader(text))) {
      in.setStrictness(Strictness.STRICT);
      Map<String, Object> values = object(in, 0);
      if (in.peek() != JsonToken.END_DOCUMENT) {
        throw new MalformedJsonException("something behind the object");
      }
      return new StrictJson(what, refusal, values);
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new EvidenceException(refusal, "not the JSON object that it should be");
    }
  }

  private static Map<String, Object> object(JsonReader in, int depth) throws IOException {
    Map<String, Object> out = new LinkedHashMap<>();
    in.beginObject();
    while (in.hasNext()) {
      String name = in.nextName();
      if (out.put(name, value(in, depth + 1)) != null) {
        throw new MalformedJsonException("a name that stands there twice");
      }
    }
    in.endObject();
    return out;
  }

  private static Object value(JsonReader in, int depth) throws IOException {
    if (depth > MAX_DEPTH) {
      throw new MalformedJsonException("too deep");
    }
    switch (in.peek()) {
      case BEGIN_OBJECT:
        return object(in, depth);
      case BEGIN_ARRAY:
        List<Object> list = new ArrayList<>();
        in.beginArray();
        while (in.hasNext()) {
          list.add(value(in, depth + 1));
        }
        in.endArray();
        return list;
      case STRING:
        return in.nextString();
      case NUMBER:
        return in.nextLong();
      case BOOLEAN:
        return in.nextBoolean();
      default:
        throw new MalformedJsonException("null");
    }
  }

  private EvidenceException wrong(String name, String wanted) {
    return new EvidenceException(refusal, what + ": " + name + " is not " + wanted);
  }

  String string(String name) throws EvidenceException {
    Object value = values.get(name);
    if (!(value instanceof String)) {
      throw wrong(name, "a string");
    }
    return (String) value;
  }

  /** A number from 0 to {@code max}. */
  long number(String name, long max) throws EvidenceException {
    Object value = values.get(name);
    if (!(value instanceof Long) || (Long) value < 0 || (Long) value > max) {
      throw wrong(name, "a number from 0 to " + max);
    }
    return (Long) value;
  }

  /** Bytes in hexadecimal digits of either case. */
  byte[] hex(String name, int length) throws EvidenceException {
    try {
      byte[] out = Hex.decode(string(name));
      if (out.length == length) {
        return out;
      }
    } catch (IllegalArgumentException e) {
      throw wrong(name, "hexadecimal digits");
    }
    throw wrong(name, length + " bytes long");
  }

  Instant time(String name) throws EvidenceException {
    try {
      return Instant.parse(string(name));
    } catch (DateTimeParseException e) {
      throw wrong(name, "a time");
    }
  }

  StrictJson object(String name) throws EvidenceException {
    Object value = values.get(name);
    if (!(value instanceof Map)) {
      throw wrong(name, "an object");
    }
    return inner(name, value);
  }

  /** A list of objects. */
  List<StrictJson> objects(String name) throws EvidenceException {
    List<StrictJson> out = new ArrayList<>();
    for (Object one : list(name)) {
      if (!(one instanceof Map)) {
        throw wrong(name, "a list of objects");
      }
      out.add(inner(name, one));
    }
    return out;
  }

  /** A list of strings; empty when it is not there. */
  List<String> stringsIfAny(String name) throws EvidenceException {
    if (!values.containsKey(name)) {
      return Collections.emptyList();
    }
    List<String> out = new ArrayList<>();
    for (Object one : list(name)) {
      if (!(one instanceof String)) {
        throw wrong(name, "a list of strings");
      }
      out.add((String) one);
    }
    return Collections.unmodifiableList(out);
  }

  private List<?> list(String name) throws EvidenceException {
    Object value = values.get(name);
    if (!(value instanceof List)) {
      throw wrong(name, "a list");
    }
    return (List<?>) value;
  }

  @SuppressWarnings("unchecked") // Every map in here was made by object() above.
  private StrictJson inner(String name, Object value) {
    return new StrictJson(what + "." + name, refusal, (Map<String, Object>) value);
  }
}
