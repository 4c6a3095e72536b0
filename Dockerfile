# syntax=docker/dockerfile:1

FROM node:26-bookworm-slim AS base
# The runtime that the lock file names needs libatomic.
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*
WORKDIR /app

# The tests with all that they need, a real Redis included: docker compose --profile test run --rm test
FROM base AS test
RUN apt-get update && apt-get install -y --no-install-recommends git redis-server && rm -rf /var/lib/apt/lists/*
COPY . .
RUN npm ci
CMD ["npm", "test"]

FROM base AS server
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
COPY package.json package-lock.json ./
COPY clients/typescript/package.json ./clients/typescript/
RUN npm ci --omit=dev && npm cache clean --force
COPY bin ./bin
COPY src ./src
# The command line calls servers with the client.
COPY clients/typescript/src ./clients/typescript/src
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# Ready, not only alive: with a log that is away or still loading it is up, but cannot serve.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, which would be process 1 and keep the signals to itself.
CMD ["node", "bin/run.mjs", "src/main.ts"]
