// The ws: and wss: URIs of RFC 6455 §3, which "outboundProxy" takes beside SIP URIs: only they name the path under
// which a web server speaks SIP. In messages such a proxy is a SIP URI with transport=ws (RFC 7118 §5.2, §8.2).

import type { ProxyUri } from '../core/registration/plan.ts';
import { parseUri } from '../core/sip/uri.ts';

/** Whether `text` means to be a ws: or wss: URI. */
export function isWebSocketUri(text: string): boolean {
  return /^wss?:/i.test(text);
}

/** The proxy that a ws: or wss: URI names, always with its port, as DNS has no say in it; null when it is none. */
export function parseWebSocketUri(text: string): ProxyUri | null {
  if (!/^wss?:\/\/[^/?#@\\]+([/?][^#\\]*)?$/i.test(text) || !URL.canParse(text)) return null;
  const { protocol, hostname, port, pathname, search } = new URL(text);
  const secure = protocol === 'wss:';
  const defaultPort = secure ? 443 : 80;
  const uri = parseUri(`sip:${hostname}:${port || defaultPort};transport=ws`);
  return uri.ok ? { ...uri.value, webSocket: { secure, resource: pathname + search } } : null;
}
