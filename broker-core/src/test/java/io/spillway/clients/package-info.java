/** Unmodified clients and tools against an embedded broker. */
package io.spillway.clients;
