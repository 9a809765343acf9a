package io.jetfire;

/**
 * A provider that a client found.
 *
 * @param kind what it provides, such as {@code device farm}
 * @param id what users name it by
 * @param implementation its class
 * @param origin the jar or folder it comes from
 */
public record ProviderInfo(String kind, String id, String implementation, String origin) {}
