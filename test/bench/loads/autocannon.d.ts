/** Types for the used part of autocannon; the package has none. */
declare module "autocannon" {
  export type AutocannonRequest = { method: string; headers: Record<string, string>; body?: Buffer };
  export default function autocannon(options: {
    url: string;
    connections: number;
    duration: number;
    requests: (AutocannonRequest & { setupRequest?: (request: AutocannonRequest) => AutocannonRequest })[];
  }): Promise<object>;
}
